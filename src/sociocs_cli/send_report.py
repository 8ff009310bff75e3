"""What `send` says: of messages that it refuses, of those that it warns about, and of those that it queued."""

from collections.abc import Sequence
from typing import NoReturn

from sociocs_cli import output
from sociocs_cli.errors import fail
from sociocs_cli.messages import Refusal, Valid
from sociocs_cli.sending import Line, Queueing
from sociocs_cli.text import count

_NAMED = 10
"""Messages that a warning names."""


def refuse(refusals: Sequence[Refusal], valid: int, *, as_json: bool) -> NoReturn:
    """Say every problem, and end the command. `valid` messages have none."""
    invalid = len({refusal.number for refusal in refusals})
    if as_json:
        problems = [{"message": found.number, "line": found.line, "problem": found.problem} for found in refusals]
        output.as_json({"valid": valid, "invalid": invalid, "queued": 0, "problems": problems})
    else:
        for refusal in refusals:
            output.line(f"{refusal.place}: {refusal.problem}")
    if not invalid:
        fail("no message in it; nothing was queued")
    fail(f"{count(invalid, 'message')} of {invalid + valid} cannot be sent; nothing was queued")


def say_valid(messages: Sequence[Valid], *, as_json: bool) -> None:
    """Say that a dry run found no problem."""
    if as_json:
        output.as_json({"valid": len(messages), "invalid": 0, "queued": 0, "problems": []})
    else:
        output.line(f"{count(len(messages), 'valid message')}; nothing was queued (--dry-run)")


def warn(numbers: Sequence[Valid], late: Sequence[Refusal]) -> None:
    """Name messages that may not be what somebody meant: to unknown numbers, and already expired."""
    if numbers:
        output.note(
            f"Warning: {count(len(numbers), 'message')} to a number that libphonenumber does not know. Is the country "
            f"code missing? {_places(numbers)}"
        )
    if late:
        output.note(
            f"Warning: {count(len(late), 'message')} will not be sent, because expires_at is past: {_places(late)}"
        )


def _places(found: Sequence[Valid | Refusal]) -> str:
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(one.place for one in found[:_NAMED]) + more


def report(queueing: Queueing, *, as_json: bool) -> None:
    """Say of each message what is known: queued, refused by SQS, maybe queued, or not tried."""
    if as_json:
        rows = [line.row() for line in queueing.lines]
        result = {"valid": len(rows), "invalid": 0, "run": queueing.name, "queued": queueing.queued, "problems": []}
        output.as_json({**result, "messages": rows})
        return
    for line in queueing.lines:
        if line.sent is not None:
            output.line(_words(line))


def _words(line: Line) -> str:
    error = f"  {line.sent.error}" if line.sent and line.sent.error else ""
    return f"{line.state}  {line.key}  {line.message.place}{error}"
