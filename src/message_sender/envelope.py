"""A Lambda event -> deliveries: one for each message in it, whatever envelopes it came in.

The envelope is found by its shape. Envelopes within envelopes are opened layer by layer: EventBridge -> SNS -> SQS. A
record that holds no message is a delivery with a `problem`: it is dead-lettered on its own and never touches its
neighbours. Only an event of no known shape raises, so that whoever invoked the function sees it.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeVar, cast

from aws_lambda_powertools.utilities.parser import BaseModel, Field, ValidationError, parse
from pydantic import ConfigDict, StrictStr

from message_sender.contract.problems import dotted, words
from message_sender.contract.strict_json import member_texts, read_json
from message_sender.sqs_limits import Attribute, is_allowed

IDEMPOTENCY_KEY = "IDEMPOTENCY_KEY"
UNKNOWN_ATTEMPT = "UNKNOWN_ATTEMPT"
"""Names the attempt of unknown outcome of a dead letter. It decides nothing."""
ATTEMPTED_AT = "ATTEMPTED_AT"
"""When that attempt was made: where a person has to look in Sociocs."""
RESEND_ATTEMPT = "RESEND_ATTEMPT"
"""Names the attempt that a person decided to send again. Only `sociocs dead-letters redrive` writes it."""
FIRST_SEEN = "FIRST_SEEN"
"""When the message first entered a queue. It stays with the message when that is redriven."""

MAXIMUM_LAYERS = 4
"""Envelopes within each other: one more than EventBridge -> SNS -> SQS has, besides the record itself."""

_Model = TypeVar("_Model", bound=BaseModel)


class UnknownEventError(ValueError):
    """The function was invoked with something that is neither an SQS nor an EventBridge event."""


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
    envelope: str
    """How it came, from the outside in: `sqs`, `sqs-eventbridge`, `sqs-sns`, `sqs-sns-eventbridge`, `eventbridge`."""
    body: str = field(repr=False)
    """The body as it came; a dead letter holds the same."""
    default_key: str
    content: object = field(default=None, repr=False)
    """The JSON value that should be a message."""
    content_text: str | None = field(default=None, repr=False)
    """The producer's own characters of `content`; None when Lambda's runtime had read them already."""
    problem: str | None = None
    """Why there is no content."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict, repr=False)
    """The SQS message attributes, as SendMessage takes them."""
    record: QueueRecord | None = None
    """None when the function was invoked directly."""

    @property
    def key(self) -> str:
        """The idempotency key, by its precedence: our attribute, the producer's metadata, the envelope's id."""
        return self._attribute(IDEMPOTENCY_KEY) or self._metadata("idempotency_key") or self.default_key

    @property
    def unknown_attempt(self) -> str | None:
        """The attempt of unknown outcome that a moved dead letter names: nobody has decided to send it again."""
        return self._attribute(UNKNOWN_ATTEMPT)

    @property
    def resend_attempt(self) -> str | None:
        """The attempt of unknown outcome that a person decided to send again."""
        return self._attribute(RESEND_ATTEMPT)

    @property
    def first_seen(self) -> str | None:
        """When a redriven message first entered a queue, ISO 8601."""
        return self._attribute(FIRST_SEEN)

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
        attribute = self.attributes.get(name)
        return attribute.get("StringValue") or None if attribute else None

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


class _RecordAttributes(BaseModel):
    ApproximateReceiveCount: Annotated[int, Field(ge=1)]
    SentTimestamp: int
    """Epoch milliseconds."""
    ApproximateFirstReceiveTimestamp: int
    """Epoch milliseconds."""
    MessageGroupId: str | None = None


class _RecordAttribute(BaseModel):
    dataType: StrictStr  # noqa: N815 - Lambda's names
    stringValue: str | None = None  # noqa: N815
    binaryValue: str | None = None  # noqa: N815


class _Record(BaseModel):
    """What is used of a record from SQS. What is not used is not required."""

    model_config = ConfigDict(hide_input_in_errors=True)

    messageId: Annotated[StrictStr, Field(min_length=1)]  # noqa: N815
    receiptHandle: StrictStr  # noqa: N815
    body: StrictStr
    attributes: _RecordAttributes
    messageAttributes: dict[str, _RecordAttribute] | None = None  # noqa: N815
    eventSourceARN: str | None = None  # noqa: N815


def _from_queue(raw: object) -> Delivery:
    try:
        record = _parsed(raw, _Record)
    except ValidationError as error:
        # Without its id and receipt a record cannot be answered for: fail the invocation, and SQS keeps them all.
        raise UnknownEventError(f"a record is not from SQS: {_problems(error)}") from None
    opened = _open_body(record.body, record.messageId)
    return Delivery(
        id=record.messageId,
        envelope=opened.envelope,
        body=record.body,
        default_key=opened.key,
        content=opened.content,
        content_text=opened.text,
        problem=opened.problem,
        attributes={name: _attribute(value) for name, value in (record.messageAttributes or {}).items()},
        record=QueueRecord(
            receipt_handle=record.receiptHandle,
            receive_count=record.attributes.ApproximateReceiveCount,
            sent_at=record.attributes.SentTimestamp / 1000,
            first_received_at=record.attributes.ApproximateFirstReceiveTimestamp / 1000,
            # A standard queue may have groups too (fair queues), which say nothing about order.
            group_id=record.attributes.MessageGroupId if (record.eventSourceARN or "").endswith(".fifo") else None,
        ),
    )


def _open_body(body: str, message_id: str) -> "_Opened":
    try:
        value = read_json(body)
    except ValueError as error:
        return _Opened("sqs", message_id, problem=str(error))
    return _open_layers(_Opened("sqs", message_id, value, body))


def _attribute(attribute: _RecordAttribute) -> Attribute:
    """Turn an attribute from the shape that Lambda gives into the one that SendMessage takes."""
    if attribute.binaryValue is None:
        return {"DataType": attribute.dataType, "StringValue": attribute.stringValue or ""}
    try:
        return {
            "DataType": attribute.dataType,
            "BinaryValue": base64.b64decode(attribute.binaryValue, validate=True),
        }
    except binascii.Error:
        raise UnknownEventError("a record is not from SQS: messageAttributes: not base64") from None


# --- invoked directly -----------------------------------------------------------------------------------------------


def _direct(event: object) -> Delivery:
    try:
        body = _as_text(event)
    except RecursionError:
        raise UnknownEventError("an event is nested too deeply") from None
    name = event.get("id") if isinstance(event, dict) else None
    if not isinstance(name, str) or not _is_text(name):
        problem = "not an EventBridge event: no id"
        return Delivery("unidentified", "eventbridge", body, "unidentified", problem=problem)
    opened = _open_layers(_Opened("", name, event))
    return Delivery(name, opened.envelope, body, opened.key, opened.content, opened.text, opened.problem)


def _as_text(event: object) -> str:
    """Write an event down as a body, no longer than it came where SQS takes it so: SQS counts bytes."""
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return text if is_allowed(text) else json.dumps(event, separators=(",", ":"))


# --- envelopes within envelopes -------------------------------------------------------------------------------------


class _Event(BaseModel):
    """What is used of an EventBridge event."""

    model_config = ConfigDict(hide_input_in_errors=True)

    id: StrictStr
    detail: dict[str, object]


class _Notification(BaseModel):
    """What is used of an SNS notification."""

    model_config = ConfigDict(hide_input_in_errors=True)

    MessageId: StrictStr
    Message: StrictStr


@dataclass(frozen=True, slots=True)
class _Opened:
    """What the layers opened so far have shown."""

    envelope: str
    key: str
    """The id of the innermost layer: it is the same in every copy that an outer layer makes."""
    content: object = None
    text: str | None = None
    problem: str | None = None


def _open_layers(opened: _Opened) -> _Opened:
    """Open one envelope after the other until there is none left."""
    for _ in range(MAXIMUM_LAYERS):
        if _is_event(opened.content):
            opened = _open_eventbridge(opened)
        elif _is_notification(opened.content):
            opened = _open_sns(opened)
        else:
            return opened
    problem = f"more than {MAXIMUM_LAYERS} envelopes within each other"
    return opened if opened.problem else _Opened(opened.envelope, opened.key, problem=problem)


def _open_eventbridge(outer: _Opened) -> _Opened:
    envelope = f"{outer.envelope}-eventbridge".lstrip("-")
    try:
        event = _parsed(outer.content, _Event)
    except ValidationError as error:
        return _Opened(envelope, outer.key, problem=f"not a whole EventBridge event: {_problems(error)}")
    if event.id and not _is_text(event.id):
        return _Opened(envelope, outer.key, problem="id: must be valid Unicode text")
    text = member_texts(outer.text)["detail"] if outer.text else None
    # Not the model's copy: pydantic need not keep a value as it is.
    content = cast(dict[str, object], outer.content)["detail"]
    return _Opened(envelope, event.id or outer.key, content, text)


def _open_sns(outer: _Opened) -> _Opened:
    envelope = f"{outer.envelope}-sns".lstrip("-")
    try:
        notification = _parsed(outer.content, _Notification)
    except ValidationError as error:
        return _Opened(envelope, outer.key, problem=f"not a whole SNS notification: {_problems(error)}")
    if notification.MessageId and not _is_text(notification.MessageId):
        return _Opened(envelope, outer.key, problem="MessageId: must be valid Unicode text")
    key = notification.MessageId or outer.key
    try:
        return _Opened(envelope, key, read_json(notification.Message), notification.Message)
    except ValueError as error:
        return _Opened(envelope, key, problem=f"Message: {error}")


def _is_event(value: object) -> bool:
    return isinstance(value, dict) and "detail-type" in value and "detail" in value and "source" in value


def _is_notification(value: object) -> bool:
    return isinstance(value, dict) and value.get("Type") == "Notification" and "TopicArn" in value


def _parsed(value: object, model: type[_Model]) -> _Model:
    """Parse with Powertools; its signature asks for a dict, and refuses anything else by a ValidationError."""
    return parse(event=cast(dict[str, object], value), model=model)


def _is_text(value: str) -> bool:
    """Say whether it names something. A lone surrogate is no character: neither a log nor an attribute takes it."""
    return bool(value) and not re.search(r"[\ud800-\udfff]", value)


def _problems(error: ValidationError) -> str:
    """Say the first problem with each field. Beside names, a path holds the types that pydantic tried."""
    first: dict[int | str, str] = {}
    for item in error.errors(include_input=False):
        path = dotted(tuple(part for part in item["loc"] if str(part).isidentifier()))
        text = words({**item}, {})
        first.setdefault(item["loc"][0] if item["loc"] else "", f"{path}: {text}" if path else text)
    return "; ".join(first.values())
