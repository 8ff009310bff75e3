"""The result of the demo on standard output."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

from sandbox.demo.accounting import Account, Line

# A file or a CI log is not a terminal. Its lines are not wrapped at the 80 columns of one.
_FILE_COLUMNS = 140


def show(account: Account, note: str = "") -> None:
    """Print the fate of each message, a note, and the sums as the last line."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in console._environ:
        console = Console(width=_FILE_COLUMNS)
    for line in account.lines:
        retries = f", retries {line.retries}" if line.retries else ""
        head = f"{line.name} ({line.way_in}, to {_plain(line.recipient)}{retries})\n  "
        console.print(Text.assemble((head, "bold"), _fate(line)))
    if note:
        console.print(Text(note))
    sys.stdout.flush()
    print(account.closing_line, flush=True)


def _fate(line: Line) -> Text:
    match line.fate:
        case "accepted":
            return Text.assemble(("accepted", "green"), f" {line.message_id}")
        case "duplicate":
            return Text.assemble(("duplicate", "cyan"), f" of {line.message_id}: acknowledged, not sent again")
        case "dead-lettered":
            code = line.code or "moved by SQS"
            return Text.assemble(("dead-lettered", "yellow"), f" {code}: {line.reason or 'no reason given'}")
        case "waiting":
            return Text("still in the queue", "red")
        case "lost":
            return Text("LOST: neither accepted nor dead-lettered", "red")


def _plain(text: str) -> str:
    """Return the text in characters that the output has: some terminals have no bullet."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return text.replace("•", "*")
    return text
