"""One dead letter: why it is there, which key it has, and when it came.

Four kinds lie in one queue: the function's own (attributes say why), those that SQS moved (no attributes of ours, but
SQS says where they come from), EventBridge's (its attributes have the same names), and Lambda's on-failure records (a
body that holds the event). All of them become one `Letter`.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, cast

from message_sender.contract.strict_json import read_json
from message_sender.dead_letter import OUR_ATTRIBUTES
from message_sender.envelope import (
    ATTEMPTED_AT,
    FIRST_SEEN,
    RESEND_ATTEMPT,
    UNKNOWN_ATTEMPT,
    Delivery,
    UnknownEventError,
    open_event,
)
from message_sender.outcome import ErrorCode
from message_sender.sqs_limits import Attribute
from sociocs_cli.masking import masked_number

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

MOVED_BY_SQS = "MOVED_BY_SQS"
"""SQS moved it after `maxReceiveCount` receives: it killed the function each time."""
FUNCTION_FAILED = "FUNCTION_FAILED"
"""Lambda wrote it: an event that invoked the function directly, and that the function could put on no queue."""
WITHOUT_CODE = "WITHOUT_CODE"
"""Nothing says why: the producer's attributes left no room, or a person put it there."""
OWN_CODES: Mapping[str, str] = {
    MOVED_BY_SQS: "SQS moved it: it ended the function again and again",
    FUNCTION_FAILED: "an event that Lambda kept because the function failed as a whole",
    WITHOUT_CODE: "nothing says why: no room for attributes, or put there by hand",
}
"""Codes that are not the function's, and what they mean."""
CODE_HELP = f"One of the codes in docs/operations.md, or {', '.join(OWN_CODES)}."
"""What the options `--code` take."""

_LONGEST_NUMBER = 18


class UnreadableLetterError(Exception):
    """The message or the messages of a letter cannot be found, and why."""


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
        """The receipt handle, with which SQS deletes it or makes it visible."""
        return self.received["ReceiptHandle"]

    @property
    def body(self) -> str:
        """As it came."""
        return self.received.get("Body", "")

    @cached_property
    def attributes(self) -> dict[str, Attribute]:
        """The message attributes, as SendMessage takes them."""
        received = cast(Mapping[str, Attribute], self.received.get("MessageAttributes", {}))
        return {name: _as_sent(value) for name, value in received.items()}

    @property
    def own_attributes(self) -> dict[str, Attribute]:
        """The attributes of the producer."""
        return {name: value for name, value in self.attributes.items() if name not in OUR_ATTRIBUTES}

    @cached_property
    def code(self) -> str:
        """Why it is here: an `ErrorCode`, one of EventBridge's codes, or one of `OWN_CODES`."""
        if self._system("DeadLetterQueueSourceArn"):
            return MOVED_BY_SQS  # also when an error of an earlier stay is still on it
        if UNKNOWN_ATTEMPT in self.attributes and not self.text("ERROR_CODE"):
            return ErrorCode.OUTCOME_UNKNOWN.value  # the code found no room beside the producer's attributes
        return self.text("ERROR_CODE") or (FUNCTION_FAILED if self.record is not None else WITHOUT_CODE)

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
        """Why it is here, for people."""
        return self.text("ERROR_MESSAGE") or OWN_CODES.get(self.code, "")

    @property
    def first_seen(self) -> datetime:
        """When it first entered a queue, as far as the letter says; in UTC."""
        return _moment(self.text(FIRST_SEEN)) or self.written_at

    @property
    def attempted_at(self) -> datetime | None:
        """When the attempt of unknown outcome was made, as far as the letter says; in UTC."""
        return _moment(self.text(ATTEMPTED_AT))

    @property
    def attempt(self) -> str:
        """The id of the attempt of unknown outcome, or an empty string.

        A letter that SQS moved may still carry the decision to send it again. Nobody knows what became of that.
        """
        return self.text(UNKNOWN_ATTEMPT) or self.text(RESEND_ATTEMPT)

    @property
    def written_at(self) -> datetime:
        """SQS's SentTimestamp. Of a letter that SQS moved: when it entered its first queue."""
        return datetime.fromtimestamp(int(self._system("SentTimestamp") or 0) / 1000, UTC)

    @property
    def attempts(self) -> int | None:
        """How often it was tried again, when the letter says so."""
        text = self.text("RETRY_ATTEMPTS")
        # Digits of other scripts are decimal too, superscripts are digits, and int() takes no more than 4300 of them.
        return int(text) if text.isascii() and text.isdecimal() and len(text) <= _LONGEST_NUMBER else None

    @property
    def group(self) -> str | None:
        """Message group."""
        return self._system("MessageGroupId") or None

    @cached_property
    def keys(self) -> list[str]:
        """The idempotency keys of its messages, by the function's own rules. Only a record of events has several."""
        try:
            return [delivery.key for delivery in self.deliveries()]
        except UnreadableLetterError:
            return []

    @property
    def key(self) -> str | None:
        """Its idempotency key, when it has exactly one."""
        return self.keys[0] if len(self.keys) == 1 else None

    @property
    def masked_recipient(self) -> str:
        """The end of the recipient's number: enough to tell two letters apart, and too little to know it."""
        try:
            contents = [delivery.content for delivery in self.deliveries()]
        except UnreadableLetterError:
            return "unknown"
        if len(contents) != 1:
            return f"{len(contents)} messages"
        to = contents[0].get("to") if isinstance(contents[0], dict) else None
        return masked_number(to) if isinstance(to, str) else "unknown"

    @cached_property
    def record(self) -> dict[str, object] | None:
        """Lambda's on-failure record, which holds the event; None when this is none."""
        if "ERROR_CODE" in self.attributes or self._system("DeadLetterQueueSourceArn"):
            return None
        try:
            value = read_json(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) and {"requestContext", "requestPayload"} <= value.keys() else None

    def deliveries(self) -> list[Delivery]:
        """Take out the messages, as the function takes them out of an event.

        Raises:
            UnreadableLetterError: there is none, or it cannot be read.
        """
        try:
            if self.record is None:
                return open_event({"Records": [self._as_record()]})
            payload = self.record.get("requestPayload")
            if isinstance(payload, dict) and "Records" in payload:
                raise UnknownEventError("a batch of the queue is never invoked asynchronously")
            return open_event(payload)
        except UnknownEventError as error:
            of_record = "the event that it holds is neither one of EventBridge nor several"
            raise UnreadableLetterError(str(error) if self.record is None else of_record) from None

    def text(self, name: str) -> str:
        """Return the value of a string attribute, or an empty string."""
        return self.attributes[name].get("StringValue", "") if name in self.attributes else ""

    def _system(self, name: str) -> str:
        return cast(Mapping[str, str], self.received.get("Attributes", {})).get(name, "")

    def _as_record(self) -> dict[str, object]:
        """Write the letter as Lambda would hand it to the function, so that it has the key that the function finds."""
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


def _moment(text: str) -> datetime | None:
    """Read a moment of one of our attributes, in UTC; None when it is none."""
    try:
        said = datetime.fromisoformat(text)
        return (said if said.tzinfo else said.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):  # not a time, or a time that Python cannot write in UTC
        return None


def _as_sent(value: Attribute) -> Attribute:
    """Take the parts of a received attribute that SendMessage takes."""
    if "BinaryValue" in value:
        return {"DataType": value["DataType"], "BinaryValue": value["BinaryValue"]}
    return {"DataType": value["DataType"], "StringValue": value.get("StringValue", "")}


def _as_lambda_gives(value: Attribute) -> dict[str, str]:
    if "BinaryValue" in value:
        return {"dataType": value["DataType"], "binaryValue": base64.b64encode(value["BinaryValue"]).decode()}
    return {"dataType": value["DataType"], "stringValue": value.get("StringValue", "")}
