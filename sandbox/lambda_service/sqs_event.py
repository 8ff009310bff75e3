"""The event that Lambda makes of received SQS messages, and what the function's response says about them.

Sources: "Using Lambda with Amazon SQS" and "Handling errors for an SQS event source in Lambda" in the AWS
Lambda Developer Guide.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

    from sandbox.lambda_service.runtime_api import Result

SYSTEM_ATTRIBUTES = (
    "ApproximateReceiveCount",
    "SentTimestamp",
    "SenderId",
    "ApproximateFirstReceiveTimestamp",
    "MessageGroupId",
    "MessageDeduplicationId",
    "SequenceNumber",
    "AWSTraceHeader",
    "DeadLetterQueueSourceArn",
)
# The event of one synchronous invocation has at most 6 MB: Lambda cuts a batch that is larger.
MAXIMUM_EVENT_BYTES = 6 * 1024 * 1024
# What a record has beside its body: keys, attributes and receipt handle.
_RECORD_OVERHEAD_BYTES = 2048


def sqs_event(messages: Iterable[MessageTypeDef], queue_arn: str) -> dict[str, Any]:
    """Return the event for one batch."""
    return {"Records": [_record(message, queue_arn) for message in messages]}


def _record(message: MessageTypeDef, queue_arn: str) -> dict[str, Any]:
    system = message.get("Attributes", {})
    record = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": {name: value for name, value in system.items() if name in SYSTEM_ATTRIBUTES},
        "messageAttributes": {name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        record["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    return record


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    attribute: dict[str, Any] = {
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": value["DataType"],
    }
    if "BinaryValue" in value:
        attribute["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    else:
        attribute["stringValue"] = value["StringValue"]
    return attribute


def within_event_limit(messages: Sequence[MessageTypeDef]) -> Iterator[list[MessageTypeDef]]:
    """Cut a batch into parts that each fit into one event. A single message always fits."""
    part: list[MessageTypeDef] = []
    size = 0
    for message in messages:
        message_size = len(message["Body"].encode()) + _RECORD_OVERHEAD_BYTES
        if part and size + message_size > MAXIMUM_EVENT_BYTES:
            yield part
            part, size = [], 0
        part.append(message)
        size += message_size
    if part:
        yield part


def failed_message_ids(result: Result, message_ids: Sequence[str], *, partial_responses: bool) -> set[str]:
    """Return the ids of the messages that stay on the queue.

    Lambda takes these as complete success: an empty or null `batchItemFailures`, an empty or null response. It takes
    these as complete failure: an error, an item identifier that is empty, null, misnamed or not of this batch, and
    anything malformed.
    """
    everything = set(message_ids)
    if result.function_error is not None:
        return everything
    if not partial_responses or result.payload is None:
        return set()
    if not isinstance(result.payload, dict):
        return everything
    failures = result.payload.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        return everything
    failed: set[str] = set()
    for failure in failures:
        identifier = failure.get("itemIdentifier") if isinstance(failure, dict) else None
        if not isinstance(identifier, str) or identifier not in everything:
            return everything
        failed.add(identifier)
    return failed
