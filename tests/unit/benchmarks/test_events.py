"""The batches for the contenders."""

from benchmarks.events import batches


def test_batches_hold_every_message_once() -> None:
    """The batches have the right sizes, and each message has its own id."""
    events = batches(23, 10)
    assert [len(event["Records"]) for event in events] == [10, 10, 3]
    assert len({record["messageId"] for event in events for record in event["Records"]}) == 23
