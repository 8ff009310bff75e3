"""The only module that prints: results on standard output, everything else on standard error.

Both are tolerant (see `streams`) while a command runs, so that nothing here raises.
"""

import json
import sys
from collections.abc import Mapping

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from sociocs_cli.streams import Tolerant

_WIDE = 200
"""Columns of a table in a file or a pipe, where nothing needs to be cut off."""


def line(text: str = "") -> None:
    """Write a line of the result."""
    print(text, flush=True)


def new_page() -> None:
    """Begin a page that takes the place of the one before on a terminal, and follows it in a file or a pipe."""
    if sys.stdout is not None and sys.stdout.isatty():
        print("\x1b[2J\x1b[H", end="", flush=True)


def table(rows: Table) -> None:
    """Write a table of the result."""
    _console().print(rows)


def width() -> int:
    """Return how many columns a table of the result may have."""
    return _console().width


def as_json(value: Mapping[str, object]) -> None:
    """Write the result for programs, in ASCII: a body may hold a lone surrogate, which no encoding can write."""
    print(json.dumps(value, indent=2), flush=True)


def note(text: str) -> None:
    """Write a line that is not part of the result."""
    print(text, file=sys.stderr, flush=True)


def notes_were_written() -> bool:
    """Return whether everything that was noted so far could be written."""
    return not (isinstance(sys.stderr, Tolerant) and sys.stderr.failure)


def somebody_can_answer() -> bool:
    """Return whether standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def ask(question: str) -> bool:
    """Ask a question on the terminal. Only y and yes are a yes."""
    print(f"{question} [y/N]: ", file=sys.stderr, end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def progress(words: str, total: int | None = None) -> tuple[Progress, TaskID]:
    """Make a progress bar, which shows on a terminal only. Entering it starts it."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    return bar, bar.add_task(words, total=total)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)
