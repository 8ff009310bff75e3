"""The steps of a program that takes a while, shown on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


class Steps:
    """Shows the step under way: as a live line in a terminal, as one line for each step elsewhere."""

    def __init__(self, console: Console, progress: Progress | None) -> None:
        self._console = console
        self._progress = progress
        self._task = progress.add_task("", total=None) if progress else None

    def __call__(self, step: str, done: int | None = None, total: int | None = None) -> None:
        """Show the step, and how many of its `total` parts are done."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, description=step, completed=done or 0, total=total)
        elif done is None:
            self._console.print(step, markup=False, highlight=False)


@contextmanager
def showing_steps() -> Iterator[Steps]:
    """Show steps while the block lasts."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield Steps(console, None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Steps(console, progress)
