"""One dead letter: why it is there, which key it has, and what goes back to the queue for it.

Four kinds lie side by side: the function's own (attributes say why), those that SQS moved (no attributes of ours, but
SQS says where they come from), EventBridge's (its attributes have the same names), and Lambda's on-failure records (a
body that holds the event). All of them become one `Letter`.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from message_sender.contract.strict_json import read_json
from message_sender.dead_letter import (
    ERROR_ATTRIBUTES,
    EVENTBRIDGE_ATTRIBUTES,
    OUR_ATTRIBUTES,
)
from message_sender.envelope import (
    IDEMPOTENCY_KEY,
    UNKNOWN_ATTEMPT,
    Delivery,
    UnknownEventError,
    open_event,
)
from message_sender.outcome import ErrorCode
from message_sender.sqs_limits import MAXIMUM_ATTRIBUTES, MAXIMUM_MESSAGE_BYTES, fifo_id, is_allowed, message_bytes
from sociocs_cli.masking import masked_number

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

MOVED_BY_SQS = "MOVED_BY_SQS"
"""SQS moved it after `maxReceiveCount` receives: it killed the function each time."""
FUNCTION_FAILED = "FUNCTION_FAILED"
"""Lambda wrote it: an event that invoked the function directly, and that the function could put nowhere."""
WITHOUT_CODE = "WITHOUT_CODE"
"""Nothing says why: the producer's attributes left no room, or a person put it there."""
OWN_CODES: Mapping[str, str] = {
    MOVED_BY_SQS: "SQS moved it: it ended the function again and again",
    FUNCTION_FAILED: "an event that Lambda kept because the function failed as a whole",
    WITHOUT_CODE: "nothing says why: no room for attributes, or put there by hand",
}
"""Codes that are not the function's, and what they mean."""

EVENTS_GROUP = "eventbridge"
"""The message group that the template's rule gives to events on a FIFO queue."""
_LONGEST_NUMBER = 18
_DROPPED = {*ERROR_ATTRIBUTES, *EVENTBRIDGE_ATTRIBUTES}


class NotReturnableError(Exception):
    """A letter that cannot go back as it is, and why."""


class NoRoomForKeyError(NotReturnableError):
    """Its key is its id, and there is no room to write it down: interrupted, a redrive would send it twice."""


@dataclass(frozen=True)
class Letter:
    """A received dead letter."""

    queue_url: str
    received: "MessageTypeDef" = field(repr=False)

    @property
    def id(self) -> str:
        """The letter's own message id, in the dead-letter queue."""
        return self.received["MessageId"]

    @property
    def receipt(self) -> str:
        """What deletes it or gives it back."""
        return self.received["ReceiptHandle"]

    @property
    def body(self) -> str:
        """As it came."""
        return self.received.get("Body", "")

    @cached_property
    def attributes(self) -> dict[str, dict[str, Any]]:
        """The message attributes, as SendMessage takes them."""
        return {
            name: {part: value[part] for part in ("DataType", "StringValue", "BinaryValue") if part in value}
            for name, value in self.received.get("MessageAttributes", {}).items()
        }

    @property
    def own_attributes(self) -> dict[str, dict[str, Any]]:
        """Those of the producer."""
        return {name: value for name, value in self.attributes.items() if name not in OUR_ATTRIBUTES}

    @cached_property
    def code(self) -> str:
        """Why it is here: an `ErrorCode`, one of EventBridge's codes, or one of `OWN_CODES`."""
        if self._system("DeadLetterQueueSourceArn"):
            return MOVED_BY_SQS  # also when an error of an earlier stay is still on it
        if UNKNOWN_ATTEMPT in self.attributes and not self._text("ERROR_CODE"):
            return ErrorCode.OUTCOME_UNKNOWN.value  # whose code found no room beside the producer's attributes
        return self._text("ERROR_CODE") or (FUNCTION_FAILED if self._record is not None else WITHOUT_CODE)

    @property
    def source(self) -> str:
        """Who put it there: function, sqs, eventbridge, lambda or unknown."""
        if self.code in OWN_CODES:
            return {MOVED_BY_SQS: "sqs", FUNCTION_FAILED: "lambda"}.get(self.code, "unknown")
        return "eventbridge" if "RULE_ARN" in self.attributes else "function"

    @property
    def outcome_is_unknown(self) -> bool:
        """Whether sending it again may be sending it twice, so that a person has to decide.

        A letter without room for its code may be one of these, unless the ledger still knows it by a key of its own.
        """
        if self.code == WITHOUT_CODE:
            return self.key is None or self.key == self.id
        return self.code == ErrorCode.OUTCOME_UNKNOWN

    @property
    def reason(self) -> str:
        """For people."""
        return self._text("ERROR_MESSAGE") or OWN_CODES.get(self.code, "")

    @property
    def first_seen(self) -> datetime:
        """When it first entered a queue, as far as the letter says; in UTC."""
        try:
            said = datetime.fromisoformat(self._text("FIRST_SEEN"))
            return (said if said.tzinfo else said.replace(tzinfo=UTC)).astimezone(UTC)
        except (ValueError, OverflowError):  # no time, or one that is out of Python's range in UTC
            return self.written_at

    @property
    def written_at(self) -> datetime:
        """SQS's SentTimestamp: for what SQS moved, when it entered its first queue."""
        return datetime.fromtimestamp(int(self._system("SentTimestamp") or 0) / 1000, UTC)

    @property
    def attempts(self) -> int | None:
        """How often it was tried again, when the letter says so."""
        text = self._text("RETRY_ATTEMPTS")
        # Digits of other scripts are decimal too, superscripts are digits, and int() takes no more than 4300 of them.
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else None

    @property
    def group(self) -> str | None:
        """Message group."""
        return self._system("MessageGroupId") or None

    @cached_property
    def key(self) -> str | None:
        """The idempotency key, by the function's own rules; None for a record of several events, or of none."""
        try:
            keys = [delivery.key for delivery in self._deliveries()]
        except NotReturnableError:
            return None
        return keys[0] if len(keys) == 1 else None

    @property
    def masked_recipient(self) -> str:
        """Whom it is for: enough of the number to tell two letters apart, too little to know it."""
        try:
            contents = [delivery.content for delivery in self._deliveries()]
        except NotReturnableError:
            return "unknown"
        if len(contents) != 1:
            return f"{len(contents)} messages"
        to = contents[0].get("to") if isinstance(contents[0], dict) else None
        return masked_number(to) if isinstance(to, str) else "unknown"

    @property
    def needs_care(self) -> bool:
        """Whether SQS's own move would be wrong: the letter would lose its key, or is not itself what goes back."""
        return self._record is not None or IDEMPOTENCY_KEY not in self.attributes

    def entries(self, *, fifo: bool, without_key: bool = False) -> list[dict[str, Any]]:
        """Make the SendMessageBatch entries that go back: body, key, unknown attempt and the producer's attributes.

        Args:
            fifo: the queue that they go back to is FIFO.
            without_key: also when the key is the letter's id and there is no room for it.

        Raises:
            NotReturnableError: it cannot go back.
        """
        entries = []
        for position, delivery in enumerate(self._deliveries()):
            # Of a letter that is itself what goes back, the very body that SQS gave.
            body, key = delivery.body if self._record is not None else self.body, delivery.key
            attributes = {name: value for name, value in self.attributes.items() if name not in _DROPPED}
            entry: dict[str, Any] = {"MessageBody": body, "MessageAttributes": attributes}
            if IDEMPOTENCY_KEY not in attributes:
                self._write_key(entry, key, without_key=without_key)
            if message_bytes(entry) > MAXIMUM_MESSAGE_BYTES:
                raise NotReturnableError("it is larger than 1 MiB")
            if fifo:
                entry["MessageGroupId"] = self.group or EVENTS_GROUP
                # One for each letter: that of its first stay would make SQS drop it without a word for 5 minutes.
                entry["MessageDeduplicationId"] = fifo_id(f"redrive:{self.id}:{position}")
            entries.append(entry)
        return entries

    def _write_key(self, entry: dict[str, Any], key: str, *, without_key: bool) -> None:
        attributes = entry["MessageAttributes"]
        attributes[IDEMPOTENCY_KEY] = {"DataType": "String", "StringValue": key}
        fits = (
            len(attributes) <= MAXIMUM_ATTRIBUTES and message_bytes(entry) <= MAXIMUM_MESSAGE_BYTES and is_allowed(key)
        )
        if not fits:
            del attributes[IDEMPOTENCY_KEY]
            if key == self.id and not without_key:  # otherwise the body says it again
                raise NoRoomForKeyError("no room for its key, so that an interruption could send it twice")

    def _deliveries(self) -> list[Delivery]:
        """Take out what goes back, message by message, as the function takes it out of an event."""
        if self._record is not None:
            try:
                payload = self._record.get("requestPayload")
                if isinstance(payload, dict) and "Records" in payload:
                    raise UnknownEventError("a batch of the queue is never invoked asynchronously")
                return open_event(payload)
            except UnknownEventError:
                raise NotReturnableError("the event that it holds is neither one of EventBridge nor several") from None
        try:
            return open_event({"Records": [self._as_record()]})
        except UnknownEventError as error:
            raise NotReturnableError(str(error)) from None

    @cached_property
    def _record(self) -> dict[str, Any] | None:
        """Lambda's on-failure record, which holds the event; None when this is none."""
        if "ERROR_CODE" in self.attributes or self._system("DeadLetterQueueSourceArn"):
            return None
        try:
            body = read_json(self.body)
        except ValueError:
            return None
        is_record = isinstance(body, dict) and {"requestContext", "requestPayload"} <= body.keys()
        return body if is_record and "detail-type" not in body else None

    def _as_record(self) -> dict[str, Any]:
        """The letter as Lambda would hand it to the function, so that the key is what the function takes it for."""
        return {
            "messageId": self.id,
            "receiptHandle": self.receipt,
            "body": self.body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": self._system("SentTimestamp") or "0",
                "SenderId": "",
                "ApproximateFirstReceiveTimestamp": self._system("SentTimestamp") or "0",
            },
            "messageAttributes": {name: _as_lambda_gives(value) for name, value in self.attributes.items()},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:dead-letters",
            "awsRegion": "us-east-1",
        }

    def _text(self, name: str) -> str:
        value = self.attributes.get(name, {}).get("StringValue", "")
        return str(value)

    def _system(self, name: str) -> str:
        return str(self.received.get("Attributes", {}).get(name, ""))  # type: ignore[call-overload]


def _as_lambda_gives(value: Mapping[str, Any]) -> dict[str, Any]:
    if "BinaryValue" in value:
        return {"dataType": value["DataType"], "binaryValue": base64.b64encode(value["BinaryValue"]).decode()}
    return {"dataType": value["DataType"], "stringValue": value.get("StringValue", "")}
