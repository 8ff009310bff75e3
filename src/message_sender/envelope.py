"""A Lambda event -> deliveries: one for each message in it, whatever envelope it came in.

The envelope is found by its shape. A record that holds no message is a delivery with a `problem`: it is dead-lettered
on its own and never touches its neighbours. Only an event of no known shape raises, so that whoever invoked the
function sees it.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, cast

from aws_lambda_powertools.utilities.parser import BaseModel, ValidationError, parse
from aws_lambda_powertools.utilities.parser.models.event_bridge import EventBridgeModel
from aws_lambda_powertools.utilities.parser.models.sns import SnsNotificationModel
from aws_lambda_powertools.utilities.parser.models.sqs import SqsMsgAttributeModel, SqsRecordModel

from message_sender.contract.problems import dotted, words
from message_sender.contract.strict_json import read_json
from message_sender.sqs_limits import is_allowed

IDEMPOTENCY_KEY = "IDEMPOTENCY_KEY"
UNKNOWN_ATTEMPT = "UNKNOWN_ATTEMPT"
"""Names the attempt of unknown outcome of a dead letter. It decides nothing."""
RESEND_ATTEMPT = "RESEND_ATTEMPT"
"""Names the attempt that a person decided to send again. Only `sociocs dead-letters redrive` writes it."""


class UnknownEventError(ValueError):
    """The function was invoked with something that is neither an SQS nor an EventBridge event."""


class Envelope(StrEnum):
    """How a message reached the function."""

    SQS = "sqs"
    SQS_EVENTBRIDGE = "sqs-eventbridge"
    SQS_SNS = "sqs-sns"
    EVENTBRIDGE = "eventbridge"


@dataclass(frozen=True, slots=True)
class QueueRecord:
    """What only a record from the queue has."""

    receipt_handle: str
    receive_count: int
    sent_at: float
    """When the message entered the queue, epoch seconds."""
    first_received_at: float
    """When it was first received, epoch seconds."""
    group_id: str | None = None
    """Message group of a FIFO queue."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One message as it was handed to the function."""

    id: str
    """SQS `messageId`, or the `id` of an EventBridge event: names it in logs and in the partial batch response."""
    envelope: Envelope
    body: str = field(repr=False)
    """The body as it came; a dead letter holds the same."""
    default_key: str
    content: Any = field(default=None, repr=False)
    """The JSON value that should be a message."""
    problem: str | None = None
    """Why there is no content."""
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    """The SQS message attributes, as SendMessage takes them."""
    record: QueueRecord | None = None
    """None when the function was invoked directly."""

    @property
    def key(self) -> str:
        """The idempotency key, by its precedence: our attribute, the producer's metadata, the envelope's id."""
        return self._attribute(IDEMPOTENCY_KEY) or self._metadata("idempotency_key") or self.default_key

    @property
    def unknown_attempt(self) -> str | None:
        """The attempt of unknown outcome that a person decided to send again by redriving its dead letter."""
        return self._attribute(UNKNOWN_ATTEMPT)

    @property
    def reference(self) -> str | None:
        """The producer's own id, also of a message that is invalid elsewhere."""
        return self._metadata("reference")

    @property
    def provider(self) -> str | None:
        """The provider, when it is one that the contract knows."""
        provider = self.content.get("provider") if isinstance(self.content, dict) else None
        return provider if provider in ("twlo", "twlowa", "gswa") else None

    @property
    def receives(self) -> int:
        """How often it was handed to the function, this time included."""
        return self.record.receive_count if self.record else 1

    def _attribute(self, name: str) -> str | None:
        return self.attributes.get(name, {}).get("StringValue") or None

    def _metadata(self, name: str) -> str | None:
        metadata = self.content.get("metadata") if isinstance(self.content, dict) else None
        value = metadata.get(name) if isinstance(metadata, dict) else None
        return value if isinstance(value, str) and len(value) <= 256 and _is_text(value) else None


def open_event(event: object) -> list[Delivery]:
    """Take the deliveries out of a Lambda event, in its order.

    Raises:
        UnknownEventError: it is neither an SQS event, an EventBridge event nor an array of EventBridge events.
    """
    if isinstance(event, dict) and isinstance(event.get("Records"), list):
        return [_from_queue(record) for record in event["Records"]]
    if _is_event(event):
        return [_direct(event)]
    if isinstance(event, list) and event and any(map(_is_event, event)):
        return [_direct(item) for item in event]
    raise UnknownEventError("the event is neither from SQS nor from EventBridge: see docs/contract.md, Envelopes")


# --- from the queue -------------------------------------------------------------------------------------------------


def _from_queue(raw: object) -> Delivery:
    try:
        record = parse(event=cast(Any, raw), model=SqsRecordModel)
    except ValidationError as error:
        # Without its id and receipt a record cannot be answered for: fail the invocation, and SQS keeps them all.
        raise UnknownEventError(f"a record is not from SQS: {_problems(error)}") from None
    body = record.body
    if not isinstance(body, str):  # Powertools' model takes an object, too
        raise UnknownEventError("a record is not from SQS: body: must be a string")
    if not record.attributes.ApproximateReceiveCount.isdecimal():
        raise UnknownEventError("a record is not from SQS: ApproximateReceiveCount: must be a number")
    envelope, key, content, problem = _open_body(body, record.messageId)
    return Delivery(
        id=record.messageId,
        envelope=envelope,
        body=body,
        default_key=key,
        content=content,
        problem=problem,
        attributes={name: _attribute(value) for name, value in record.messageAttributes.items()},
        record=QueueRecord(
            receipt_handle=record.receiptHandle,
            receive_count=int(record.attributes.ApproximateReceiveCount),
            sent_at=record.attributes.SentTimestamp.timestamp(),
            first_received_at=record.attributes.ApproximateFirstReceiveTimestamp.timestamp(),
            # A standard queue may have groups too (fair queues), which say nothing about order.
            group_id=record.attributes.MessageGroupId if record.eventSourceARN.endswith(".fifo") else None,
        ),
    )


def _open_body(body: str, message_id: str) -> tuple[Envelope, str, Any, str | None]:
    """Find what the body is: envelope, default key, content, problem."""
    try:
        value = read_json(body)
    except ValueError as error:
        return Envelope.SQS, message_id, None, str(error)
    if _is_event(value):
        return Envelope.SQS_EVENTBRIDGE, *_open(EventBridgeModel, value, "id", "detail", message_id)
    if isinstance(value, dict) and value.get("Type") == "Notification" and "TopicArn" in value:
        key, text, problem = _open(SnsNotificationModel, value, "MessageId", "Message", message_id)
        try:
            return Envelope.SQS_SNS, key, None if problem else read_json(text), problem
        except ValueError as error:
            return Envelope.SQS_SNS, key, None, f"Message: {error}"
    return Envelope.SQS, message_id, value, None


def _attribute(attribute: SqsMsgAttributeModel) -> dict[str, Any]:
    """Turn an attribute from the shape that Lambda gives into the one that SendMessage takes."""
    if attribute.binaryValue is not None:
        try:
            return {
                "DataType": attribute.dataType,
                "BinaryValue": base64.b64decode(attribute.binaryValue, validate=True),
            }
        except binascii.Error:
            raise UnknownEventError("a record is not from SQS: messageAttributes: not base64") from None
    return {"DataType": attribute.dataType, "StringValue": attribute.stringValue or ""}


# --- invoked directly -----------------------------------------------------------------------------------------------


def _direct(event: object) -> Delivery:
    try:
        body = _as_text(event)
    except RecursionError:
        raise UnknownEventError("an event is nested too deeply") from None
    if not isinstance(event, dict) or not isinstance(event.get("id"), str) or not _is_text(event["id"]):
        return Delivery(
            "unidentified", Envelope.EVENTBRIDGE, body, "unidentified", None, "not an EventBridge event: no id"
        )
    key, content, problem = _open(EventBridgeModel, event, "id", "detail", event["id"])
    return Delivery(event["id"], Envelope.EVENTBRIDGE, body, key, content, problem)


def _as_text(event: object) -> str:
    """Write an event down as a body, no longer than it came where SQS takes it so: SQS counts bytes."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return text if is_allowed(text) else json.dumps(event, separators=(",", ":"))


def _is_event(value: object) -> bool:
    return isinstance(value, dict) and "detail-type" in value and "detail" in value and "source" in value


def _open(model: type[BaseModel], value: Any, key: str, content: str, otherwise: str) -> tuple[str, Any, str | None]:
    """Read one envelope with its Powertools model: default key, content, problem."""
    try:
        # `version` is always "0", and what `sam local generate-event` makes has none.
        opened = parse(event={"version": "0", **value}, model=model)
    except ValidationError as error:
        return otherwise, None, f"not a whole {model.__name__.removesuffix('Model')} envelope: {_problems(error)}"
    name = getattr(opened, key)
    if name and not _is_text(name):
        return otherwise, None, f"{key}: must be valid Unicode text"
    return name or otherwise, value[content], None


def _is_text(value: str) -> bool:
    """Say whether it names something. A lone surrogate is no character: neither a log nor an attribute takes it."""
    return bool(value) and not re.search(r"[\ud800-\udfff]", value)


def _problems(error: ValidationError) -> str:
    """Say the first problem with each field. Beside names, a path holds the types that pydantic tried."""
    first: dict[int | str, str] = {}
    for item in error.errors(include_input=False):
        path = dotted(tuple(part for part in item["loc"] if str(part).isidentifier()))
        first.setdefault(item["loc"][0] if item["loc"] else "", f"{path}: {words({**item}, {})}")
    return "; ".join(first.values())
