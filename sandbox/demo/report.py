"""The result of the demo on standard output."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sandbox.demo.accounting import Account, Line

# A table of five columns needs about this much; below, each message gets lines of its own.
_TABLE_COLUMNS = 96
# What is read later, in a file or a CI log, is not wrapped at the 80 columns of a terminal that is not there.
_FILE_COLUMNS = 140
_STYLES = {
    "accepted": "green",
    "duplicate": "cyan",
    "dead-lettered": "yellow",
    "waiting": "red",
    "lost": "red",
}


def show(account: Account, note: str = "") -> None:
    """Print what became of each message, a note, and the sums as the last line."""
    console = Console()
    if not console.is_terminal and "COLUMNS" not in console._environ:
        console = Console(width=_FILE_COLUMNS)
    if console.width >= _TABLE_COLUMNS:
        console.print(_table(account))
    else:
        for line in account.lines:
            console.print(_block(line))
    if note:
        console.print(Text(note))
    sys.stdout.flush()
    print(account.closing_line, flush=True)


def _table(account: Account) -> Table:
    table = Table()
    table.add_column("Message")
    table.add_column("Way in", no_wrap=True)
    table.add_column("To", no_wrap=True)
    table.add_column("What became of it", ratio=1)
    table.add_column("Retries", justify="right")
    for line in account.lines:
        table.add_row(Text(line.name), line.way_in, _plain(line.recipient), _fate(line), str(line.retries))
    return table


def _block(line: Line) -> Text:
    retries = f", retries {line.retries}" if line.retries else ""
    head = f"{line.name} ({line.way_in}, to {_plain(line.recipient)}{retries})\n  "
    return Text.assemble((head, "bold"), _fate(line))


def _fate(line: Line) -> Text:
    style = _STYLES[line.fate]
    match line.fate:
        case "accepted":
            return Text.assemble(("accepted", style), f" {line.message_id}")
        case "duplicate":
            return Text.assemble(("duplicate", style), f" of {line.message_id}: acknowledged, not sent again")
        case "dead-lettered":
            code = line.code or "moved by SQS"
            return Text.assemble(("dead-lettered", style), f" {code}: {line.reason or 'no reason given'}")
        case "waiting":
            return Text("still in the queue", style)
        case "lost":
            return Text("LOST: neither accepted nor dead-lettered", style)


def _plain(text: str) -> str:
    """With what the output can show: some terminals have no bullet."""
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return text.replace("•", "*")
    return text
