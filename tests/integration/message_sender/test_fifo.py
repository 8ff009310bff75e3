"""FIFO queues: each group in order, stopped by its first unfinished message, and the groups side by side."""

import time
from collections.abc import Callable

import pytest

from tests.support.builders import eventbridge_event, message
from tests.support.mapping import Mapping
from tests.support.world import FakeContext, World

RETRY = {"unknown_outcome": "retry"}
"""With it, a lost answer is a deferral of one message that says nothing about the API."""

MakeWorld = Callable[..., World]


@pytest.fixture
def fifo(make_world: MakeWorld) -> World:
    """A world with FIFO queues."""
    return make_world(fifo=True)


def send(world: World, *texts: str) -> dict[str, str]:
    """Put messages on the queue; the group is the text's first letter. Ids by text."""
    return {
        text: world.send(
            message(text=text), MessageGroupId=text[0], MessageDeduplicationId=f"{text}-{time.monotonic()}"
        )
        for text in texts
    }


def accepted(world: World, group: str) -> list[str]:
    """Texts of one group in the order in which Sociocs took them."""
    return [one.body["text"] for one in world.sociocs.accepted() if one.body["text"].startswith(group)]


def test_order_within_a_group(fifo: World) -> None:
    """Every group arrives as it was sent, whatever happens beside it."""
    send(fifo, "a1", "b1", "a2", "c1", "b2", "a3", "a4", "b3")

    assert Mapping(fifo).turn() == []
    assert accepted(fifo, "a") == ["a1", "a2", "a3", "a4"]
    assert accepted(fifo, "b") == ["b1", "b2", "b3"]
    assert accepted(fifo, "c") == ["c1"]


def test_a_group_stops_at_its_first_unfinished_message(fifo: World) -> None:
    """Returned are it and everything behind it; other groups go on, and later the group goes on in order."""
    fifo.sociocs.rule(text_contains="a2", drop="after-reading", times=1)
    ids = send(fifo, "a1", "b1", "a2", "b2", "a3", "a4")
    mapping = Mapping(fifo, RETRY)

    assert mapping.turn() == [ids[text] for text in ("a2", "a3", "a4")]
    assert accepted(fifo, "a") == ["a1"]
    assert accepted(fifo, "b") == ["b1", "b2"]
    mapping.end_waits()
    assert mapping.turn() == []
    assert accepted(fifo, "a") == ["a1", "a2", "a3", "a4"]


def test_a_rejected_message_does_not_stop_its_group(fifo: World) -> None:
    """It is dead-lettered, in its own group there too."""
    fifo.sociocs.rule(text_contains="a2", status=400)
    send(fifo, "a1", "a2", "a3")

    assert Mapping(fifo).turn() == []
    assert accepted(fifo, "a") == ["a1", "a3"]
    (letter,) = fifo.receive(dead=True)
    assert letter["Attributes"]["MessageGroupId"] == "a"


def test_a_dead_letter_that_cannot_be_written_stops_its_group(fifo: World) -> None:
    """Nothing overtakes what is still in the queue."""
    fifo.sociocs.rule(text_contains="a2", status=400)
    fifo.client("sqs").delete_queue(QueueUrl=fifo.environment["DEAD_LETTER_QUEUE_URL"])
    ids = send(fifo, "a1", "a2", "b1", "a3")
    mapping = Mapping(fifo)

    assert mapping.turn() == [ids["a2"], ids["a3"]]
    assert accepted(fifo, "a") == ["a1"]
    assert accepted(fifo, "b") == ["b1"]
    assert mapping.wait_of(ids["a2"]) is None


def test_two_direct_events_with_one_key_are_both_accounted_for(fifo: World) -> None:
    """Deferred to a FIFO queue, a different message under a used key is a conflict, not a duplicate that SQS drops."""
    fifo.sociocs.rule(status=503, times=2)
    mapping = Mapping(fifo)
    keyed = {"idempotency_key": "order-1001-shipped"}
    for text in ("one", "other"):
        mapping.application.handle(eventbridge_event(message(text=text, metadata=keyed)), FakeContext())
        mapping.end_waits()

    assert mapping.depth() == 2
    assert mapping.turn() == []
    assert fifo.sociocs.accepted_count == 1
    assert len(fifo.receive(dead=True)) == 1


def test_every_direct_event_without_an_id_is_dead_lettered(fifo: World) -> None:
    """Nothing tells them apart but what they say: SQS does not take the second for the first."""
    events = [eventbridge_event(message(text=text)) | {"id": None} for text in ("one", "other")]

    fifo.application().handle(events, FakeContext())

    assert len(fifo.receive(dead=True)) == 2
