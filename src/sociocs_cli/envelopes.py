"""Envelopes that people give to `send` instead of the messages in them, and where those messages are."""

from collections.abc import Callable, Mapping

_NAMES: tuple[tuple[Callable[[Mapping[str, object]], bool], str], ...] = (
    (lambda e: _first_has(e, "Records", "Sns"), "an SNS event: its messages are in Records[].Sns.Message"),
    (lambda e: _first_has(e, "Records", "body"), "an SQS event: its messages are in Records[].body"),
    (lambda e: _first_has(e, "Messages", "Body"), "an answer of ReceiveMessage: its messages are in Messages[].Body"),
    (lambda e: _first_has(e, "Entries", "Detail"), "a call of PutEvents: its messages are in Entries[].Detail"),
    (lambda e: _has(e, "detail-type", "source", "detail"), "an EventBridge event: its message is in detail"),
    (lambda e: _has(e, "DetailType", "Source", "Detail"), "an entry of PutEvents: its message is in Detail"),
    (lambda e: _has(e, "TopicArn", "Message"), "an SNS notification: its message is in Message"),
    (lambda e: _has(e, "messageId", "receiptHandle", "body"), "a record of an SQS event: its message is in body"),
    (lambda e: _has(e, "MessageId", "ReceiptHandle", "Body"), "a message as SQS hands it out: its message is in Body"),
    (lambda e: _has(e, "MessageBody"), "an entry of SendMessage: its message is in MessageBody"),
    (
        lambda e: _has(e, "requestContext", "requestPayload"),
        "a record of an event that the function failed: its message is in requestPayload",
    ),
)


def name_of_envelope(value: object) -> str | None:
    """Say which envelope a JSON value is, and where its messages are; None when it is none that AWS makes."""
    if not isinstance(value, dict):
        return None
    return next((name for is_one, name in _NAMES if is_one(value)), None)


def _has(value: Mapping[str, object], *names: str) -> bool:
    return value.keys() >= set(names)


def _first_has(value: Mapping[str, object], list_: str, name: str) -> bool:
    elements = value.get(list_)
    return isinstance(elements, list) and bool(elements) and isinstance(elements[0], dict) and name in elements[0]
