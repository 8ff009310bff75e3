"""The demo's account of the fate of each message, and its samples."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.demo.accounting import Account, Sent, masked, settle
from sandbox.demo.samples import Sample
from sandbox.sociocs.record import AcceptedMessage, RecordedRequest

MESSAGE = {"provider": "twlo", "channel_key": "k", "to": "+16175551212", "text": "a"}


def sample(content: Any = None, name: str = "sample", key: str | None = None) -> Sample:
    """A message that a producer put on the queue."""
    content = {**MESSAGE, **({"metadata": {"idempotency_key": key}} if key else {}), **(content or {})}
    return Sample(name, json.dumps(content))


def accepted(content: Any, message_id: str) -> AcceptedMessage:
    """A message of the simulator's inbox."""
    return AcceptedMessage(message_id=message_id, at="", request=1, body=content)


def requested(content: Any, status: int) -> RecordedRequest:
    """A request that the simulator saw."""
    return RecordedRequest(
        number=1,
        at="",
        connection=1,
        method="POST",
        path="/message",
        headers={},
        apikey_valid=True,
        body=content,
        status=status,
        reasons=[],
        message_id=None,
        rule=None,
        fate="sent",
    )


def dead_letter(body: str, **attributes: str) -> dict[str, Any]:
    """A message of the dead-letter queue."""
    return {"Body": body, "MessageAttributes": {name: {"StringValue": v} for name, v in attributes.items()}}


def fates(account: Account) -> list[str]:
    """What became of each, in the order sent."""
    return [line.fate for line in account.lines]


def test_accepted_after_a_retry() -> None:
    """A message in the inbox is accepted; its earlier requests are its retries."""
    requests = [requested(MESSAGE, 503), requested(MESSAGE, 200)]
    account = settle([Sent(sample(), "1")], requests, [accepted(MESSAGE, "m1")], [])
    [line] = account.lines
    assert (line.fate, line.message_id, line.retries, line.recipient) == ("accepted", "m1", 1, "+1617•••1212")
    assert account.closing_line == "accepted 1, dead-lettered 0, lost 0, duplicated 0"


def test_metadata_and_order_of_names_do_not_matter() -> None:
    """What Sociocs got is compared as JSON, less the metadata."""
    reordered = dict(reversed(MESSAGE.items()))
    assert fates(settle([Sent(sample(key="k1"), "1")], [], [accepted(reordered, "m1")], [])) == ["accepted"]


def test_the_same_key_again_is_a_duplicate() -> None:
    """A second message with an accepted key belongs to the first one's message_id."""
    sent = [Sent(sample(key="k1"), "1"), Sent(sample(key="k1"), "2")]
    account = settle(sent, [], [accepted(MESSAGE, "m1")], [])
    assert fates(account) == ["accepted", "duplicate"]
    assert account.lines[1].message_id == "m1"
    assert (account.lost, account.duplicated) == (0, 0)


def test_sent_twice_is_counted() -> None:
    """A message that is in the inbox twice counts as one duplicate."""
    account = settle([Sent(sample(), "1")], [], [accepted(MESSAGE, "m1"), accepted(MESSAGE, "m2")], [])
    assert account.closing_line == "accepted 2, dead-lettered 0, lost 0, duplicated 1"


def test_accepted_and_dead_lettered_is_a_duplicate() -> None:
    """A message that is accepted and dead-lettered counts as sent twice."""
    letter = dead_letter(json.dumps(MESSAGE), IDEMPOTENCY_KEY="1")
    assert settle([Sent(sample(), "1")], [], [accepted(MESSAGE, "m1")], [letter]).duplicated == 1


def test_lost_and_waiting() -> None:
    """A message that is in neither place is lost, unless the queue still has messages."""
    sent = [Sent(sample(), "1")]
    assert settle(sent, [], [], []).closing_line == "accepted 0, dead-lettered 0, lost 1, duplicated 0"
    assert fates(settle(sent, [], [], [], still_queued=1)) == ["waiting"]


def test_equal_messages_with_different_keys_are_two() -> None:
    """Two messages of the same content are both accepted, once each."""
    sent = [Sent(sample(), "1"), Sent(sample(), "2")]
    account = settle(sent, [], [accepted(MESSAGE, "m1"), accepted(MESSAGE, "m2")], [])
    assert [line.message_id for line in account.lines] == ["m1", "m2"]
    assert fates(settle(sent, [], [accepted(MESSAGE, "m1")], [])) == ["accepted", "lost"]


def test_dead_letters_are_found_by_body_and_key() -> None:
    """Code, reason and retries come from the attributes. A letter that SQS moved has none of them."""
    letter = dead_letter(
        "nope",
        IDEMPOTENCY_KEY="1",
        ERROR_CODE="INVALID_MESSAGE",
        ERROR_MESSAGE="not JSON",
        RETRY_ATTEMPTS="2",
    )
    sent = [Sent(Sample("a", "nope"), "1"), Sent(Sample("b", "other"), "2")]
    account = settle(sent, [], [], [letter, dead_letter("other")])
    first, second = account.lines
    assert (first.code, first.reason, first.retries) == ("INVALID_MESSAGE", "not JSON", 2)
    assert (second.fate, second.code) == ("dead-lettered", None)
    assert account.dead_lettered == 2


def test_dead_events_are_found_by_their_id() -> None:
    """The body of an event's dead letter is the event."""
    event = {"detail-type": "Send Message", "source": "s", "detail": MESSAGE}
    letter = dead_letter(json.dumps({**event, "id": "e1"}), IDEMPOTENCY_KEY="e1")
    assert fates(settle([Sent(Sample("a", event=event), "e1")], [], [], [letter])) == ["dead-lettered"]
    assert fates(settle([Sent(Sample("a", event=event), "e2")], [], [], [letter])) == ["lost"]


@pytest.mark.parametrize(
    ("recipient", "shown"),
    [
        ("+16175551212", "+1617•••1212"),
        ("16175551212", "1617•••1212"),
        ("+4912345", "•••45"),
        ("", "•••"),
        (None, "-"),
    ],
)
def test_recipients_are_masked(recipient: str | None, shown: str) -> None:
    """Nobody can call a number that the demo prints."""
    assert masked(recipient) == shown
