"""The result as a table for people and as JSON for programs."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.ratio import Comparison, Spread

NOTES = """\
Ratios are medians over the turns, with quartiles. Times depend on the machine and are for information only.
The stand-ins answer over TLS on loopback, AWS after 5 ms. The peer opens a connection for each message. Between Lambda
and Sociocs this costs two more round trips. The peer does not use Powertools' Tracer, which needs aws-xray-sdk."""

_FILE_COLUMNS = 140


def as_dict(comparisons: Sequence[Comparison], skipped: Sequence[str]) -> dict[str, Any]:
    """Return the JSON value of a run."""
    return {
        "machine": {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()},
        "measurements": [{**asdict(comparison), "met": comparison.met} for comparison in comparisons],
        "skipped": list(skipped),
        "met": all(comparison.met for comparison in comparisons),
    }


def show(comparisons: Sequence[Comparison], skipped: Sequence[str]) -> None:
    """Print the table, the skipped measurements and, as the last line, whether all limits are met."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(width=_FILE_COLUMNS, highlight=False)
    table = Table()
    table.add_column("Measured", ratio=1)
    for heading in ("Ours", "Against", "Ratio", "Limit"):
        table.add_column(heading, justify="right", no_wrap=heading != "Against")
    for comparison in comparisons:
        table.add_row(
            comparison.name,
            f"{_number(comparison.ours.median)} {comparison.unit}",
            f"{_number(comparison.against.median)} {comparison.unit}, {comparison.baseline}",
            _spread(comparison.ratio),
            _limit(comparison),
        )
    console.print(table)
    console.print(NOTES, markup=False)
    for what in skipped:
        console.print(f"Not measured: {what}", markup=False)
    over = [comparison.name for comparison in comparisons if not comparison.met]
    console.print(f"Outside of its limit: {'; '.join(over)}" if over else "Every ratio is within its limit.")


def _limit(comparison: Comparison) -> str:
    if comparison.at_most is None and comparison.at_least is None:
        return "-"
    limit = f"at most {comparison.at_most:g}" if comparison.at_most is not None else f"at least {comparison.at_least:g}"
    return f"[green]{limit}[/]" if comparison.met else f"[red]{limit}: missed[/]"


def _spread(spread: Spread) -> str:
    return f"{_number(spread.median)} ({_number(spread.low)} to {_number(spread.high)})"


def _number(value: float) -> str:
    """Write a number with at least two significant digits and at most two decimals."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
