"""What a dead letter carries: the body as it came, the producer's attributes, and ours as far as SQS lets them fit."""

from datetime import UTC, datetime

from message_sender.envelope import ATTEMPTED_AT, FIRST_SEEN, IDEMPOTENCY_KEY, RESEND_ATTEMPT, UNKNOWN_ATTEMPT, Delivery
from message_sender.outcome import Rejected, Unknown
from message_sender.sqs_limits import (
    MAXIMUM_ATTRIBUTES,
    MAXIMUM_MESSAGE_BYTES,
    Attribute,
    SendEntry,
    attribute_bytes,
    fifo_id,
    is_allowed,
    message_bytes,
)

MAXIMUM_REASON_BYTES = 1024

ERROR_ATTRIBUTES = ("ERROR_CODE", "ERROR_MESSAGE", "RETRY_ATTEMPTS", FIRST_SEEN)
"""What says why a message is here: dropped when it goes back. The names are EventBridge's where it has one."""
EVENTBRIDGE_ATTRIBUTES = ("RULE_ARN", "TARGET_ARN", "ERROR_CODE", "ERROR_MESSAGE", "RETRY_ATTEMPTS")
"""What EventBridge puts on a dead letter of its own."""
OUR_ATTRIBUTES = frozenset(
    {IDEMPOTENCY_KEY, UNKNOWN_ATTEMPT, ATTEMPTED_AT, RESEND_ATTEMPT, *ERROR_ATTRIBUTES, *EVENTBRIDGE_ATTRIBUTES}
)


def entry(delivery: Delivery, outcome: Rejected | Unknown, now: float, *, fifo: bool) -> SendEntry:
    """Make the SendMessageBatch entry of a dead letter, without its `Id`.

    When ours do not fit beside the producer's attributes (10 together, 1 MiB with the body), the least important are
    left out. Without any of them it is still a dead letter.

    Args:
        delivery: what came.
        outcome: what became of it.
        now: epoch seconds: when a direct event, which was on no queue, was first seen.
        fifo: the dead-letter queue is FIFO.
    """
    attributes = {name: value for name, value in delivery.attributes.items() if name not in OUR_ATTRIBUTES}
    letter: SendEntry = {"MessageBody": delivery.body, "MessageAttributes": attributes}
    left = MAXIMUM_MESSAGE_BYTES - message_bytes(letter)
    for name, value in _ours(delivery, outcome, now).items():
        if len(attributes) == MAXIMUM_ATTRIBUTES or not is_allowed(value):
            continue
        attribute: Attribute = {"DataType": "Number" if name == "RETRY_ATTEMPTS" else "String", "StringValue": value}
        cost = attribute_bytes(name, attribute)
        if cost <= left:
            attributes[name] = attribute
            left -= cost
    if fifo:
        group = delivery.record.group_id if delivery.record else None
        letter["MessageGroupId"] = group or fifo_id(delivery.key)
        # By the body too: what came by direct invocation may have no id.
        letter["MessageDeduplicationId"] = fifo_id(f"{delivery.id}:{delivery.receives}:{delivery.body}")
    return letter


def _ours(delivery: Delivery, outcome: Rejected | Unknown, now: float) -> dict[str, str]:
    """Our attributes, the most important first: with what a redrive needs, it can happen once only."""
    # What a person decided to send again and what was then not sent is of unknown outcome as before.
    attempt = outcome.attempt if isinstance(outcome, Unknown) else delivery.resend_attempt or delivery.unknown_attempt
    attempted = outcome.attempted_at if isinstance(outcome, Unknown) else None
    return {
        IDEMPOTENCY_KEY: delivery.key,
        **({UNKNOWN_ATTEMPT: attempt} if attempt else {}),
        "ERROR_CODE": outcome.code.value,
        **({ATTEMPTED_AT: timestamp(attempted)} if attempted is not None else {}),
        "RETRY_ATTEMPTS": str(delivery.receives - 1),
        FIRST_SEEN: delivery.first_seen or timestamp(delivery.record.sent_at if delivery.record else now),
        "ERROR_MESSAGE": outcome.reason.encode("utf-8", "replace")[:MAXIMUM_REASON_BYTES].decode("utf-8", "ignore"),
    }


def timestamp(moment: float) -> str:
    """Write epoch seconds as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
