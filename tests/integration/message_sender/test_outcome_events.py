"""Outcome events: what producers hear of their messages, through a real bus and a rule to a queue."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.builders import eventbridge_event, message, sqs_event, sqs_record
from tests.support.mapping import Mapping
from tests.support.world import FakeContext, World

PLANTED = {"text": "Planted text", "name": "Planted name", "to": "+16175559876"}
METADATA = {"idempotency_key": "order-1001-shipped", "reference": "order-1001"}


@pytest.fixture
def heard(world: World) -> Callable[[], list[dict[str, Any]]]:
    """A bus named like the world, whose events of this sender go to a queue; call it for what has come."""
    events, sqs = world.client("events"), world.client("sqs")
    events.create_event_bus(Name=world.name)
    url = sqs.create_queue(QueueName=f"{world.name}-heard")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["sociocs.message-sender"], "detail-type": ["Message Accepted", "Message Failed"]}
    events.put_rule(Name=world.name, EventBusName=world.name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=world.name, EventBusName=world.name, Targets=[{"Id": "1", "Arn": arn}])

    def take() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            found += [json.loads(one["Body"]) for one in batch]
        return found

    return take


Heard = Callable[[], list[dict[str, Any]]]


def test_an_accepted_message(world: World, heard: Heard) -> None:
    """Who, what became of it, and Sociocs's id."""
    mapping = Mapping(world, {"outcome_event_bus_name": world.name})
    sent = world.send(message(**PLANTED, metadata=METADATA))
    mapping.turn()

    (event,) = heard()
    assert event["source"] == "sociocs.message-sender"
    assert event["detail-type"] == "Message Accepted"
    assert event["detail"] == {
        "message_id": world.sociocs.accepted()[0].message_id,
        "duplicate": False,
        "reference": "order-1001",
        "idempotency_key": "order-1001-shipped",
        "provider": "twlo",
        "envelope": "sqs",
        "delivery_id": sent,
        "attempts": 1,
    }


def test_a_duplicate_says_that_it_is_one(world: World, heard: Heard) -> None:
    """With the message_id of the one that was sent."""
    mapping = Mapping(world, {"outcome_event_bus_name": world.name})
    for _ in range(2):
        world.send(message(metadata=METADATA))
        mapping.turn()

    first, second = [event["detail"] for event in heard()]
    assert first["message_id"] == second["message_id"]
    assert [first["duplicate"], second["duplicate"]] == [False, True]


@pytest.mark.parametrize(
    ("rule", "changes", "code"),
    [
        ({"status": 400, "body": {"errors": [{"msg": "No: Planted text to 16175559876"}]}}, {}, "API_REJECTED"),
        ({"drop": "after-reading"}, {}, "OUTCOME_UNKNOWN"),
        ({}, {"to": "Planted"}, "INVALID_MESSAGE"),
        ({}, {"metadata": {**METADATA, "expires_at": "2020-01-01T00:00:00Z"}}, "EXPIRED"),
    ],
    ids=["rejected", "unknown", "invalid", "expired"],
)
def test_a_failed_message(rule: dict[str, Any], changes: dict[str, Any], code: str, world: World, heard: Heard) -> None:
    """The same, with the code and the reason in place of the id; nothing of what the message said."""
    if rule:
        world.sociocs.rule(**rule)
    mapping = Mapping(world, {"outcome_event_bus_name": world.name})
    world.send(message(**{**PLANTED, "metadata": METADATA, **changes}))
    mapping.turn(system={"ApproximateReceiveCount": "3"})

    (event,) = heard()
    assert event["detail-type"] == "Message Failed"
    detail = event["detail"]
    assert detail["code"] == code
    assert detail["reason"]
    assert (detail["reference"], detail["idempotency_key"]) == ("order-1001", "order-1001-shipped")
    assert (detail["provider"], detail["attempts"]) == ("twlo", 3)
    assert "message_id" not in detail
    assert "lanted" not in json.dumps(event)
    assert "5559876" not in json.dumps(event)


def test_what_ran_out_of_retries_names_its_last_code(world: World, heard: Heard) -> None:
    """The producer hears why, not only that it took too long."""
    world.sociocs.rule(status=503)
    mapping = Mapping(world, {"outcome_event_bus_name": world.name})
    world.send(message())
    mapping.turn(system={"ApproximateReceiveCount": "200"})

    (event,) = heard()
    assert (event["detail"]["code"], event["detail"]["last_code"]) == ("RETRIES_EXHAUSTED", "API_UNAVAILABLE")


def test_a_message_that_waits_is_no_news(world: World, heard: Heard) -> None:
    """Only what is finished is published, and once: when it is."""
    world.sociocs.rule(status=503, times=1)
    mapping = Mapping(world, {"outcome_event_bus_name": world.name})
    world.send(message())

    mapping.turn()
    assert heard() == []
    mapping.end_waits()
    mapping.turn()
    assert [event["detail-type"] for event in heard()] == ["Message Accepted"]


def test_more_than_one_call_holds(world: World, heard: Heard) -> None:
    """PutEvents takes ten: 23 messages are three calls and 23 events."""
    application = world.application(outcome_event_bus_name=world.name)

    application.handle(sqs_event(*(sqs_record(message()) for _ in range(23))), FakeContext())

    assert len(heard()) == 23


def test_the_bus_may_be_named_by_its_arn(world: World, heard: Heard) -> None:
    """A bus of another account has no other name."""
    arn = world.client("events").describe_event_bus(Name=world.name)["Arn"]

    world.application(outcome_event_bus_name=arn).handle(eventbridge_event(message()), FakeContext())

    assert len(heard()) == 1


def test_none_when_off(world: World, heard: Heard) -> None:
    """An empty name turns them off."""
    world.application().handle(sqs_event(sqs_record(message())), FakeContext())

    assert heard() == []


def test_a_failure_to_publish_changes_nothing(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The accepted stay accepted, the rejected dead-lettered; a metric and a line say that nobody was told."""
    mapping = Mapping(world, {"outcome_event_bus_name": "no-such-bus"}, stand_ins={"events": BrokenBus()})
    world.send(message())
    world.send("{}")

    assert mapping.turn() == []
    assert world.sociocs.accepted_count == 1
    assert len(world.receive(dead=True)) == 1
    log = capsys.readouterr().out
    assert log.count("an outcome event could not be published") == 2
    assert '"OutcomeEventFailures":[2.0]' in log


class BrokenBus:
    """EventBridge takes the call and none of its entries."""

    def put_events(self, Entries: list[Any]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """As for a bus that is throttled."""
        return {"FailedEntryCount": len(Entries), "Entries": [{"ErrorCode": "ThrottlingException"} for _ in Entries]}


def test_a_bus_that_is_not_there_changes_nothing(world: World) -> None:
    """Whether EventBridge refuses the call or forgets the event, the message is finished."""
    application = world.application(outcome_event_bus_name="no-such-bus")

    assert application.handle(sqs_event(sqs_record(message())), FakeContext()) == {"batchItemFailures": []}
    assert world.sociocs.accepted_count == 1
