"""Shows a queue's messages without receiving them.

ReceiveMessage shows at most the first ten messages of a FIFO queue's group, hides them, and counts as a receive.
"""

from __future__ import annotations

import base64
from typing import Any

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sqs.models import Message, sqs_backends

from sandbox.aws.callers import REGION


def messages_of(queue_name: str) -> list[dict[str, Any]]:
    """Return every message of a queue as ReceiveMessage describes it, without a receipt handle.

    Messages in flight and delayed messages are included. Binary attributes are in base64, as in AWS's own JSON. Call it
    with moto's lock held. Raises LookupError when there is no such queue.
    """
    queue = sqs_backends[DEFAULT_ACCOUNT_ID][REGION].queues.get(queue_name)
    if queue is None:
        raise LookupError(f"there is no queue {queue_name}")
    return [_described(message) for message in queue._messages]


def _described(message: Message) -> dict[str, Any]:
    attributes = {
        "SenderId": message.sender_id,
        "SentTimestamp": message.sent_timestamp,
        "ApproximateReceiveCount": message.approximate_receive_count,
        "ApproximateFirstReceiveTimestamp": message.approximate_first_receive_timestamp,
        "MessageGroupId": message.group_id,
        "MessageDeduplicationId": message.deduplication_id,
        "SequenceNumber": message.sequence_number,
        "DeadLetterQueueSourceArn": getattr(message, "dead_letter_queue_source_arn", None),
    }
    return {
        "MessageId": message.id,
        "MD5OfBody": message.body_md5,
        "Body": message.body,
        "Attributes": {name: str(value) for name, value in attributes.items() if value is not None},
        "MessageAttributes": {name: _value(found) for name, found in message.message_attributes.items()},
    }


def _value(attribute: dict[str, Any]) -> dict[str, Any]:
    value = attribute.get("BinaryValue")
    return {**attribute, "BinaryValue": base64.b64encode(value).decode()} if isinstance(value, bytes) else attribute
