"""What goes back to the queue for one dead letter."""

from message_sender.dead_letter import ERROR_ATTRIBUTES, EVENTBRIDGE_ATTRIBUTES
from message_sender.envelope import ATTEMPTED_AT, FIRST_SEEN, IDEMPOTENCY_KEY, RESEND_ATTEMPT, UNKNOWN_ATTEMPT
from message_sender.sqs_limits import (
    MAXIMUM_ATTRIBUTES,
    MAXIMUM_MESSAGE_BYTES,
    Attribute,
    SendEntry,
    fifo_id,
    is_allowed,
    message_bytes,
)
from sociocs_cli.letters import Letter, UnreadableLetterError
from sociocs_cli.text import timestamp

EVENTS_GROUP = "eventbridge"
"""The message group that the template's rule gives to events on a FIFO queue."""
_DROPPED = {*ERROR_ATTRIBUTES, *EVENTBRIDGE_ATTRIBUTES, RESEND_ATTEMPT, UNKNOWN_ATTEMPT, ATTEMPTED_AT}


class NotReturnableError(Exception):
    """A letter cannot go back as it is, and why."""


def entries_of(letter: Letter, *, fifo: bool, without_key: bool = False, resend: bool = False) -> list[SendEntry]:
    """Make what goes back: body, key, attempt of unknown outcome, first sight and the producer's attributes.

    Args:
        letter: a letter of any kind. Lambda's record of several events is several messages.
        fifo: the queue that it goes back to is FIFO.
        resend: a person decided to send it, although it may have been sent already.
        without_key: also when the key is the letter's id and there is no room for it.

    Raises:
        NotReturnableError: it cannot go back.
    """
    try:
        deliveries = letter.deliveries()
    except UnreadableLetterError as error:
        raise NotReturnableError(str(error)) from None
    entries = []
    for position, delivery in enumerate(deliveries):
        attributes = {name: value for name, value in letter.attributes.items() if name not in _DROPPED}
        attributes |= _attempt_of(letter, resend=resend)
        # A letter that is itself what goes back keeps the very body that SQS gave.
        body = letter.body if letter.record is None else delivery.body
        entry: SendEntry = {"MessageBody": body, "MessageAttributes": attributes}
        has_key = IDEMPOTENCY_KEY in attributes or _add(entry, IDEMPOTENCY_KEY, delivery.key)
        if not (has_key or without_key or delivery.key != letter.id):  # a key other than its id is in the body too
            raise NotReturnableError(
                "no room for its key, so that an interruption could send it twice (--without-key sends it all the same)"
            )
        _add(entry, FIRST_SEEN, letter.text(FIRST_SEEN) or timestamp(letter.first_seen))
        if message_bytes(entry) > MAXIMUM_MESSAGE_BYTES:
            raise NotReturnableError("it is larger than 1 MiB")
        if fifo:
            entry["MessageGroupId"] = letter.group or EVENTS_GROUP
            # One for each letter. With the id of its first stay SQS would drop it for 5 minutes, and not say so.
            entry["MessageDeduplicationId"] = fifo_id(f"redrive:{letter.id}:{position}")
        entries.append(entry)
    return entries


def _attempt_of(letter: Letter, *, resend: bool) -> dict[str, Attribute]:
    """Name the attempt of unknown outcome: as the decision to send it again, or only as what it is."""
    if not letter.attempt:
        return {}
    attempt: Attribute = {"DataType": "String", "StringValue": letter.attempt}
    if resend:
        return {RESEND_ATTEMPT: attempt}
    at = letter.attributes.get(ATTEMPTED_AT)
    return {UNKNOWN_ATTEMPT: attempt, **({ATTEMPTED_AT: at} if at else {})}


def _add(entry: SendEntry, name: str, value: str) -> bool:
    """Add an attribute; return whether there is room for it."""
    attributes = entry["MessageAttributes"]
    if len(attributes) == MAXIMUM_ATTRIBUTES or not is_allowed(value):
        return False
    attributes[name] = {"DataType": "String", "StringValue": value}
    if message_bytes(entry) > MAXIMUM_MESSAGE_BYTES:
        del attributes[name]
        return False
    return True
