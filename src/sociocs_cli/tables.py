"""Tables that more than one command prints."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.table import Table
from rich.text import Text

from sociocs_cli.summaries import CodeCount
from sociocs_cli.text import age, printable, timestamp


def facts() -> Table:
    """Make an empty table of two columns: a name and a value."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    return table


def code_table(counts: Sequence[CodeCount]) -> Table:
    """Lay out the counts by code."""
    table = Table("Code", box=None, pad_edge=False)
    table.add_column("Letters", justify="right")
    table.add_column("Oldest first seen")
    now = datetime.now(UTC)
    for row in counts:
        since = f"{timestamp(row.oldest)} ({age(row.oldest, now)} ago)"
        table.add_row(Text(printable(row.code)), str(row.number), since)
    return table
