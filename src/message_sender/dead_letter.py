"""What a dead letter carries: the body as it came, the producer's attributes, and ours as far as SQS lets them fit."""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from message_sender.envelope import IDEMPOTENCY_KEY, UNKNOWN_ATTEMPT, Delivery, is_allowed
from message_sender.outcome import Rejected, Unknown

MAXIMUM_MESSAGE_BYTES = 1_048_576
"""SQS: body and attributes together; also all entries of one batch together."""
MAXIMUM_ATTRIBUTES = 10
MAXIMUM_REASON_BYTES = 1024

ERROR_ATTRIBUTES = ("ERROR_CODE", "ERROR_MESSAGE", "RETRY_ATTEMPTS", "FIRST_SEEN")
"""What says why a message is here: dropped when it goes back. The names are EventBridge's where it has one."""
EVENTBRIDGE_ATTRIBUTES = ("RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE", "RETRY_ATTEMPTS")
"""What EventBridge puts on a dead letter of its own."""
OUR_ATTRIBUTES = frozenset({IDEMPOTENCY_KEY, UNKNOWN_ATTEMPT, *ERROR_ATTRIBUTES, *EVENTBRIDGE_ATTRIBUTES})


def entry(delivery: Delivery, outcome: Rejected | Unknown, *, fifo: bool) -> dict[str, Any]:
    """Make the SendMessageBatch entry of a dead letter, without its `Id`.

    When ours do not fit beside the producer's attributes (10 together, 1 MiB with the body), the least important go
    first; without any of them it is still a dead letter.
    """
    attributes = {name: value for name, value in delivery.attributes.items() if name not in OUR_ATTRIBUTES}
    letter: dict[str, Any] = {"MessageBody": delivery.body, "MessageAttributes": attributes}
    left = MAXIMUM_MESSAGE_BYTES - size(letter)
    for name, value in _ours(delivery, outcome).items():
        if len(attributes) == MAXIMUM_ATTRIBUTES or not is_allowed(value):
            continue
        attribute = {"DataType": "Number" if name == "RETRY_ATTEMPTS" else "String", "StringValue": value}
        cost = _attribute_size(name, attribute)
        if cost <= left:
            attributes[name] = attribute
            left -= cost
    if fifo:
        group = delivery.record.group_id if delivery.record else None
        letter["MessageGroupId"] = group or fifo_id(delivery.key)
        # By the body too: what came by direct invocation may have no id.
        letter["MessageDeduplicationId"] = fifo_id(f"{delivery.id}:{delivery.receives}:{delivery.body}")
    return letter


def size(letter: Mapping[str, Any]) -> int:
    """Count the bytes of a message as SQS does: body, and each attribute's name, type and value."""
    attributes = letter.get("MessageAttributes", {})
    return len(letter["MessageBody"].encode()) + sum(_attribute_size(*item) for item in attributes.items())


def _ours(delivery: Delivery, outcome: Rejected | Unknown) -> dict[str, str]:
    """Our attributes, the most important first: with what a redrive needs, it can happen once only."""
    attempt = outcome.attempt if isinstance(outcome, Unknown) else delivery.unknown_attempt
    seen = datetime.fromtimestamp(delivery.record.sent_at, UTC) if delivery.record else datetime.now(UTC)
    return {
        IDEMPOTENCY_KEY: delivery.key,
        **({UNKNOWN_ATTEMPT: attempt} if attempt else {}),
        "ERROR_CODE": outcome.code.value,
        "RETRY_ATTEMPTS": str(delivery.receives - 1),
        "FIRST_SEEN": seen.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "ERROR_MESSAGE": outcome.reason.encode("utf-8", "replace")[:MAXIMUM_REASON_BYTES].decode("utf-8", "ignore"),
    }


def _attribute_size(name: str, attribute: Mapping[str, Any]) -> int:
    value = attribute["BinaryValue"] if "BinaryValue" in attribute else attribute["StringValue"].encode()
    return len(name.encode()) + len(attribute["DataType"].encode()) + len(value)


def fifo_id(text: str) -> str:
    """Make an id for a group or for deduplication: any text is allowed in a key, not in these."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
