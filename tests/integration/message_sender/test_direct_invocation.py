"""Events that a rule sends straight to the function: one attempt, and then the queue, or the invocation fails."""

import json

import pytest

from message_sender.envelope import UnknownEventError
from message_sender.routing import StrandedError
from tests.support.builders import eventbridge_event, message
from tests.support.mapping import Mapping, letters
from tests.support.world import FakeContext, World

NO_FAILURES: dict[str, list[object]] = {"batchItemFailures": []}


def test_a_deferred_event_goes_to_the_queue_with_its_key_and_a_delay(world: World) -> None:
    """The whole event, delayed by its backoff; with the key as attribute, whatever the body's own would be."""
    world.sociocs.rule(status=503)
    event = eventbridge_event(message())

    assert world.application().handle(event, FakeContext()) == NO_FAILURES

    counts = world.client("sqs").get_queue_attributes(
        QueueUrl=world.environment["MESSAGE_QUEUE_URL"], AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert counts["Attributes"] == {"ApproximateNumberOfMessagesDelayed": "1"}
    assert world.sociocs.count == 1


def test_what_was_deferred_is_sent_from_the_queue_once(world: World) -> None:
    """EventBridge's own duplicate finds it already sent, whichever way it comes."""
    world.sociocs.rule(status=503, times=1)
    event, mapping = eventbridge_event(message()), Mapping(world, without_delays=True)

    mapping.application.handle(event, FakeContext())
    mapping.end_waits()
    assert mapping.turn() == []
    (queued,) = mapping.delivered.values()
    assert json.loads(queued["Body"]) == event
    assert queued["MessageAttributes"]["IDEMPOTENCY_KEY"]["StringValue"] == event["id"]
    assert mapping.application.handle(event, FakeContext()) == NO_FAILURES
    world.send(event)
    assert mapping.turn() == []
    assert [request.status for request in world.sociocs.requests()] == [503, 200]


def test_an_event_without_time_goes_to_the_queue_untried(world: World) -> None:
    """Nothing is begun that cannot finish."""
    mapping = Mapping(world)

    assert mapping.application.handle(eventbridge_event(message()), FakeContext(seconds=10)) == NO_FAILURES
    assert mapping.depth() == 1
    assert world.sociocs.count == 0


def test_a_rejected_event_goes_to_the_dead_letter_queue(world: World) -> None:
    """The whole event, and why."""
    event = eventbridge_event(message(to="not a number"))

    assert world.application().handle(event, FakeContext()) == NO_FAILURES
    (letter,) = world.receive(dead=True)
    assert json.loads(letter["Body"]) == event
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_MESSAGE"
    assert letter["MessageAttributes"]["IDEMPOTENCY_KEY"]["StringValue"] == event["id"]


def test_each_event_of_an_array_goes_its_own_way(world: World) -> None:
    """Accepted, rejected, deferred and no event at all, in one invocation."""
    world.sociocs.rule(text_contains="deferred", drop="after-reading")
    mapping = Mapping(world, {"unknown_outcome": "retry"})
    events = [
        eventbridge_event(message(text="accepted")),
        eventbridge_event({"text": "rejected"}),
        eventbridge_event(message(text="deferred")),
        "no event",
        eventbridge_event(message(text="accepted too")),
    ]

    assert mapping.application.handle(events, FakeContext()) == NO_FAILURES
    assert {one.body["text"] for one in world.sociocs.accepted()} == {"accepted", "accepted too"}
    assert mapping.depth() == 1
    assert [letter["ERROR_CODE"] for letter in letters(world)] == ["INVALID_MESSAGE"] * 2


@pytest.mark.parametrize("outcome", ["deferred", "rejected"])
def test_what_cannot_be_written_anywhere_fails_the_invocation(outcome: str, world: World) -> None:
    """Lambda tries the event again, and then has its own destination for it; the key is free for that."""
    if outcome == "deferred":
        world.sociocs.rule(status=503, times=1)
        event = eventbridge_event(message())
    else:
        event = eventbridge_event({})
    application = world.application()
    real = dict(world.environment)
    broken = world.application(
        message_queue_url=f"{real['MESSAGE_QUEUE_URL']}-gone", dead_letter_queue_url=f"{real['MESSAGE_QUEUE_URL']}-gone"
    )

    with pytest.raises(StrandedError, match="neither to its queue nor to the dead-letter queue"):
        broken.handle(event, FakeContext())
    assert application.handle(event, FakeContext()) == NO_FAILURES
    assert world.sociocs.accepted_count == (1 if outcome == "deferred" else 0)
    assert len(letters(world)) == (0 if outcome == "deferred" else 1)


def test_a_failed_invocation_does_not_undo_its_neighbours(world: World) -> None:
    """The retried array finds the accepted one accepted."""
    world.sociocs.rule(text_contains="deferred", status=503, times=1)
    application, gone = world.application(), f"{world.environment['MESSAGE_QUEUE_URL']}-gone"
    events = [eventbridge_event(message(text=text)) for text in ("accepted", "deferred")]

    with pytest.raises(StrandedError):
        world.application(message_queue_url=gone, send_concurrency="1").handle(events, FakeContext())
    assert application.handle(events, FakeContext()) == NO_FAILURES
    assert sorted(one.body["text"] for one in world.sociocs.accepted()) == ["accepted", "deferred"]


@pytest.mark.parametrize("event", [None, [], {}, "x", [1], {"Records": None}, message()], ids=repr)
def test_an_invocation_with_something_else_fails(event: object, world: World) -> None:
    """Nobody's message is in it, so nothing can be dead-lettered: whoever invoked the function hears of it."""
    with pytest.raises(UnknownEventError):
        world.application().handle(event, FakeContext())
