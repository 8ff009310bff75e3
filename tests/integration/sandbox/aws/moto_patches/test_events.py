"""What the project relies on in EventBridge, asked of the endpoint with boto3."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.aws_clients import Clients


class Rule:
    """A rule for events of one source, with a queue as target."""

    def __init__(self, aws: Clients, name: str, **target: Any) -> None:
        self.aws, self.name = aws, name
        suffix = ".fifo" if "SqsParameters" in target else ""
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if suffix else {}
        self.queue = aws("sqs").create_queue(QueueName=name + suffix, Attributes=attributes)["QueueUrl"]
        self.dead = aws("sqs").create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        pattern = json.dumps({"source": [name], "detail-type": ["Send Message"]})
        self.arn = aws("events").put_rule(Name=name, EventPattern=pattern)["RuleArn"]
        self.target = {
            "Id": "t",
            "Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}{suffix}",
            "DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}-dead"},
            **target,
        }
        aws("events").put_targets(Rule=name, Targets=[self.target])

    def put(self, **event: Any) -> None:
        """Put an event of the rule's source."""
        entry = {"Source": self.name, "DetailType": "Send Message", "Detail": json.dumps({"to": "x"}), **event}
        assert self.aws("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def received(self, queue: str | None = None) -> list[Any]:
        """Receive what the queue, or another one, got."""
        found: list[Any] = (
            self.aws("sqs")
            .receive_message(
                QueueUrl=queue or self.queue,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            .get("Messages", [])
        )
        return found

    def body(self) -> Any:
        """Return the one body that the queue got."""
        (message,) = self.received()
        return json.loads(message["Body"])


def test_a_queue_gets_the_event_as_aws_writes_it(aws: Clients, name: str) -> None:
    """The body is the whole event, with account and a time in ISO 8601."""
    rule = Rule(aws, name)
    rule.put(Time=datetime(2026, 11, 23, 10, 0, tzinfo=UTC), Resources=["arn:aws:s3:::b"])
    event = rule.body()
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "Send Message",
        "source": name,
        "account": "123456789012",
        "time": "2026-11-23T10:00:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:s3:::b"],
        "detail": {"to": "x"},
    }


@pytest.mark.parametrize("detail", ['"quoted \\" text"', "ümlaut < > & \\n", "1.0", "<source> <detail>"])
def test_a_queue_gets_any_text_unchanged(aws: Clients, name: str, detail: str) -> None:
    """Text in an event that looks like part of a template or of JSON is not touched."""
    rule = Rule(aws, name)
    rule.put(Detail=json.dumps({"text": detail}))
    assert rule.body()["detail"] == {"text": detail}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"InputPath": "$.detail"}, {"to": "x"}),
        ({"Input": '{"constant": 1}'}, {"constant": 1}),
        (
            {"InputTransformer": {"InputPathsMap": {"to": "$.detail.to"}, "InputTemplate": '{"who": "<to>"}'}},
            {"who": "x"},
        ),
    ],
    ids=["path", "constant", "transformer"],
)
def test_a_target_chooses_its_input(aws: Clients, name: str, target: Any, expected: Any) -> None:
    """InputPath, Input and InputTransformer decide what the queue gets."""
    rule = Rule(aws, name, **target)
    rule.put()
    assert rule.body() == expected


def test_a_disabled_rule_does_nothing(aws: Clients, name: str) -> None:
    """A disabled rule sends nothing, and sends again once it is enabled."""
    rule = Rule(aws, name)
    aws("events").disable_rule(Name=name)
    rule.put()
    assert rule.received() == []
    aws("events").enable_rule(Name=name)
    rule.put()
    assert len(rule.received()) == 1


def test_what_does_not_match_is_not_sent(aws: Clients, name: str) -> None:
    """An event with another detail-type does not reach the queue."""
    rule = Rule(aws, name)
    rule.put(DetailType="Other")
    assert rule.received() == []


def test_a_fifo_target_gets_its_group(aws: Clients, name: str) -> None:
    """SqsParameters.MessageGroupId becomes the message's group."""
    rule = Rule(aws, name, SqsParameters={"MessageGroupId": "g"})
    rule.put()
    assert [message["Attributes"]["MessageGroupId"] for message in rule.received()] == ["g"]


def test_what_cannot_be_delivered_is_dead_lettered(aws: Clients, name: str) -> None:
    """An event for a queue that is gone goes to the target's dead-letter queue with its reason."""
    rule = Rule(aws, name)
    aws("sqs").delete_queue(QueueUrl=rule.queue)
    rule.put()
    (letter,) = rule.received(rule.dead)
    assert json.loads(letter["Body"])["detail"] == {"to": "x"}
    assert {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()} == {
        "RULE_ARN": rule.arn,
        "TARGET_ARN": rule.target["Arn"],
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": "The specified queue does not exist.",
        "RETRY_ATTEMPTS": "0",
    }


def test_another_bus_has_its_own_rules(aws: Clients, name: str) -> None:
    """A rule on the default bus does not see another bus's events."""
    rule = Rule(aws, name)
    aws("events").create_event_bus(Name=name)
    rule.put(EventBusName=name)
    assert rule.received() == []
