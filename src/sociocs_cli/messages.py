"""A file of messages -> what goes on the queue, or every problem with its message and line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from message_sender.contract.message import check, forwarded
from message_sender.contract.problems import Invalid
from message_sender.contract.strict_json import canonical, read_json
from message_sender.envelope import IDEMPOTENCY_KEY
from message_sender.sqs_limits import MAXIMUM_MESSAGE_BYTES, SendEntry, fifo_id, is_allowed, message_bytes
from sociocs_cli.envelopes import name_of_envelope
from sociocs_cli.message_file import texts_in
from sociocs_cli.numbers import is_known
from sociocs_cli.runs import LONGEST_KEY


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something in the file cannot be sent."""

    number: int
    """Which one of the file; the first is 1."""
    line: int
    """On which it begins; the first is 1."""
    problem: str

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"message {self.number} (line {self.line})"


@dataclass(frozen=True, slots=True)
class Valid:
    """A message of the file; number and line as of a `Refusal`."""

    number: int
    line: int
    body: str = field(repr=False)
    """Its text, as it stands in the file."""
    to: str = field(repr=False)
    own_key: str | None = None
    """`metadata.idempotency_key`."""
    expires_at: datetime | None = None
    """`metadata.expires_at`: after it the message is not sent."""

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"message {self.number} (line {self.line})"

    @property
    def content(self) -> str:
        """What Sociocs gets, in one spelling: messages that are the same have the same, however they are written."""
        content = cast(dict[str, object], read_json(self.body))  # or it were no message
        return canonical(forwarded(content, self.body).decode())

    def entry(self, key: str, *, fifo: bool, group: str | None = None) -> SendEntry:
        """Make its SendMessageBatch entry, without its `Id`. A FIFO queue gets a group for each recipient."""
        entry: SendEntry = {"MessageBody": self.body}
        if self.own_key is None:
            entry["MessageAttributes"] = {IDEMPOTENCY_KEY: {"DataType": "String", "StringValue": key}}
        if fifo:
            entry["MessageGroupId"] = group or fifo_id(self.to.removeprefix("+"))
            entry["MessageDeduplicationId"] = fifo_id(f"{key}:{self.body}")
        return entry


def read(text: str) -> tuple[list[Valid], list[Refusal]]:
    """Read and judge everything in the file: with the function's own reader and the function's own model."""
    valid: list[Valid] = []
    refused: list[Refusal] = []
    for number, (line, body) in enumerate(texts_in(text), 1):
        judged = _judge(number, line, body)
        if isinstance(judged, Valid):
            valid.append(judged)
        else:
            refused += (Refusal(number, line, problem) for problem in judged)
    return valid, refused


def expired(messages: Sequence[Valid], now: datetime) -> Iterator[Refusal]:
    """Find the messages that the function would not send any more."""
    for message in messages:
        if message.expires_at and message.expires_at <= now:
            yield Refusal(message.number, message.line, "metadata.expires_at: is past, so that it would not be sent")


def unknown_numbers(messages: Sequence[Valid]) -> list[Valid]:
    """Find the messages whose recipient is no number that libphonenumber knows."""
    return [message for message in messages if not is_known(message.to)]


def _judge(number: int, line: int, body: str) -> Valid | list[str]:
    """Return the message, or what is wrong with it."""
    try:
        content = read_json(body)
    except ValueError as error:
        return [_with_line(str(error), line)]
    message = check(content)
    if isinstance(message, Invalid):
        if envelope := name_of_envelope(content):
            return [f"this is {envelope}"]
        return [str(problem) for problem in message.problems]
    if not is_allowed(body):
        return ["holds a character that SQS does not take: write it as \\uXXXX"]
    valid = Valid(number, line, body, message.to, message.idempotency_key, message.expires_at)
    if message_bytes(valid.entry("k" * LONGEST_KEY, fifo=False)) > MAXIMUM_MESSAGE_BYTES:
        return ["larger than the 1 MiB that SQS takes"]
    return valid


def _with_line(problem: str, line: int) -> str:
    """Say where in the file, when the message has lines of its own."""
    return re.sub(r"at line (\d+)", lambda found: f"at line {int(found[1]) + line - 1}", problem)
