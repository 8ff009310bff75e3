"""The only module that writes: results on standard output, everything else on standard error."""

import json
import sys
from collections.abc import Mapping

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

_WIDE = 200
"""Columns of a table in a file or a pipe, where nothing needs to be cut off."""


def line(text: str = "") -> None:
    """Write a line of the result."""
    click.echo(text)


def table(rows: Table) -> None:
    """Write a table of the result."""
    _console().print(rows)


def width() -> int:
    """Return how many columns a table of the result may have."""
    return _console().width


def as_json(value: Mapping[str, object]) -> None:
    """Write the result for programs, in ASCII: a body may hold a lone surrogate, which no encoding can write."""
    click.echo(json.dumps(value, indent=2))


def note(text: str) -> None:
    """Write a line that is not part of the result."""
    click.echo(text, err=True)


def ask(question: str) -> bool:
    """Ask a question on the terminal. Only y and yes are a yes."""
    click.echo(f"{question} [y/N]: ", err=True, nl=False)
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
