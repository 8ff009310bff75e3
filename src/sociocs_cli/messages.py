"""A file of messages -> what goes on the queue, or every problem with its message and line.

One JSON object, a JSON array of objects, or JSON Lines. Each body on the queue is the very text of the file: nothing is
read and written anew, so that nothing of it can change.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from message_sender.contract.message import check
from message_sender.contract.problems import Invalid
from message_sender.contract.strict_json import read_json
from message_sender.envelope import IDEMPOTENCY_KEY
from message_sender.sqs_limits import MAXIMUM_MESSAGE_BYTES, fifo_id, is_allowed, message_bytes
from sociocs_cli.runs import LONGEST_KEY

_SPACE = re.compile(r"[ \t\r\n]*")
_IS_ONE_LINE = re.compile(r"\{.*\}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Something in the file that is not a message."""

    number: int
    """Which one of the file; the first is 1."""
    line: int
    """On which it begins; the first is 1."""
    problem: str


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

    @property
    def content(self) -> str:
        """What Sociocs gets, in one spelling: messages that are the same have the same, however they are written."""
        content = {name: value for name, value in read_json(self.body).items() if name != "metadata"}
        return json.dumps(content, sort_keys=True, separators=(",", ":"))

    def entry(self, key: str, *, fifo: bool, group: str | None = None) -> dict[str, Any]:
        """Make its SendMessageBatch entry, without its `Id`. A FIFO queue gets a group for each recipient."""
        entry: dict[str, Any] = {"MessageBody": self.body}
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
    for number, (line, body) in enumerate(_bodies(text.removeprefix("\ufeff")), 1):
        judged = _judge(number, line, body)
        if isinstance(judged, Valid):
            valid.append(judged)
        else:
            refused += (Refusal(number, line, problem) for problem in judged)
    return valid, refused


def _judge(number: int, line: int, body: str) -> Valid | list[str]:
    """Return the message, or what is wrong with it."""
    try:
        content = read_json(body)
    except ValueError as error:
        return [_with_line(str(error), line)]
    message = check(content)
    if isinstance(message, Invalid):
        return [str(problem) for problem in message.problems]
    if not is_allowed(body):
        return ["holds a character that SQS does not take: write it as \\uXXXX"]
    valid = Valid(number, line, body, message.to, message.idempotency_key)
    if message_bytes({"MessageAttributes": {}, **valid.entry("k" * LONGEST_KEY, fifo=False)}) > MAXIMUM_MESSAGE_BYTES:
        return ["larger than the 1 MiB that SQS takes"]
    return valid


def _with_line(problem: str, line: int) -> str:
    """Say where in the file, when the message has lines of its own."""
    return re.sub(r"at line (\d+)", lambda found: f"at line {int(found[1]) + line - 1}", problem)


def _bodies(text: str) -> Iterator[tuple[int, str]]:
    """Cut the file into the texts that should be messages, each with the line on which it begins."""
    start = _after_space(text, 0)
    if text.startswith("[", start):
        return _elements(_Lines(text), start)
    lines = [(number, line.strip(" \t\r")) for number, line in enumerate(text.split("\n"), 1)]
    lines = [(number, line) for number, line in lines if line]
    if lines and not _IS_ONE_LINE.fullmatch(lines[0][1]):
        # One object over several lines, or several of them; or JSON Lines with a mistake in the first.
        objects = list(_objects(_Lines(text), start))
        is_whole = _end_of_value(objects[-1][1], 0) is not None
        if is_whole or not any(_IS_ONE_LINE.fullmatch(line) for _, line in lines):
            return iter(objects)
    return iter(lines)


class _Lines:
    """A text that knows the line of a position; positions are asked for in their order."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._line, self._position = 1, 0

    def at(self, position: int) -> int:
        self._line += self.text.count("\n", self._position, position)
        self._position = position
        return self._line


def _elements(lines: _Lines, start: int) -> Iterator[tuple[int, str]]:
    """Take the elements of a JSON array; where it stops being one, the rest, which will be refused."""
    text, position = lines.text, _after_space(lines.text, start + 1)
    while not text.startswith("]", position):
        end = _end_of_value(text, position)
        yield lines.at(position), text[position:end]
        if end is None:
            return
        comma = _after_space(text, end)
        position = _after_space(text, comma + 1) if text.startswith(",", comma) else comma
        if text.startswith(",", comma) == text.startswith("]", position):
            yield lines.at(comma), text[comma:] or "]"
            return
    rest = _after_space(text, position + 1)
    if rest < len(text):
        yield lines.at(rest), text[rest:]


def _objects(lines: _Lines, position: int) -> Iterator[tuple[int, str]]:
    while position < len(lines.text):
        end = _end_of_value(lines.text, position)
        yield lines.at(position), lines.text[position:end]
        if end is None:
            return
        position = _after_space(lines.text, end)


def _end_of_value(text: str, position: int) -> int | None:
    """Return where the JSON value ends that begins here; None when it is none."""
    try:
        return json.JSONDecoder().raw_decode(text, position)[1]
    except (ValueError, RecursionError):
        return None


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
