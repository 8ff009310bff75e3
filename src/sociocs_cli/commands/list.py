"""`sociocs dead-letters list`: count dead letters by code, and name each of them."""

from collections.abc import Sequence

import click
from rich.table import Table
from rich.text import Text

from sociocs_cli import output
from sociocs_cli.choice import UNDECIDED_CODES
from sociocs_cli.letters import CODE_HELP
from sociocs_cli.options import codes_of, on_a_stack
from sociocs_cli.reading import UNSEEN
from sociocs_cli.stack import Stack
from sociocs_cli.summaries import CodeCount, Summary, by_code, summarize
from sociocs_cli.tables import code_table
from sociocs_cli.text import count, printable, timestamp

_TABLE_WIDTH = 160
"""Columns that the table of letters needs: 36 of an id, 17 of a code, 20 of a time, 40 of a key, and the reason."""


@click.command("list", short_help="Count dead letters by code.")
@click.option("--ids", is_flag=True, help="Also each letter: its id, which `show` takes, its key and its reason.")
@click.option("--code", "codes", metavar="CODE", multiple=True, help=f"Only these. {CODE_HELP}  [repeatable]")
@on_a_stack
def list_(stack: Stack, codes: tuple[str, ...], *, ids: bool, as_json: bool) -> None:
    """Count dead letters by code, with the time at which the oldest was first seen.

    Nothing is removed. While it reads, and for no longer, the letters are hidden from other readers: SQS has no other
    way to look.
    """
    found = summarize(stack)
    wanted = codes_of(codes)
    chosen = [letter for letter in found.letters if not wanted or letter.code in wanted]
    others = by_code(letter for letter in found.letters if wanted and letter.code not in wanted)
    if as_json:
        result: dict[str, object] = {"total": found.total, "unseen": found.unseen}
        result["read_at"] = timestamp(found.read_at)
        result["codes"] = [code.row() for code in by_code(chosen)]
        result["others"] = [code.row() for code in others]
        if ids:
            result["letters"] = [letter.row() for letter in chosen]
        output.as_json(result)
        return
    if chosen:
        output.table(code_table(by_code(chosen)))
        if ids:
            _print_letters(chosen)
    else:
        output.line(_why_none(others, unseen=found.unseen))
    if any(letter.code in UNDECIDED_CODES for letter in chosen):
        moment = timestamp(found.read_at)
        output.note(
            "Letters of unknown outcome may have been sent: look each up in Sociocs. Then redrive it by its id, or all "
            f"that are listed here by their code and --seen-before {moment}"
        )
    if found.unseen:
        output.note(f"{count(found.unseen, 'more letter')} could not be read: {UNSEEN}.")


def _why_none(others: Sequence[CodeCount], *, unseen: int) -> str:
    """Say why no letter is listed. Whoever mistypes a code must not believe that the queue is empty."""
    if others:
        named = ", ".join(f"{code.number} {printable(code.code)}" for code in others)
        return f"No dead letters with this code; {count(sum(code.number for code in others), 'other')}: {named}"
    return "No dead letters that could be read." if unseen else "No dead letters."


def _print_letters(letters: Sequence[Summary]) -> None:
    """Print a line for each letter, or on a narrow terminal a block: an id or key over two lines cannot be copied."""
    if output.width() < _TABLE_WIDTH:
        for letter in letters:
            at = f", attempted at {timestamp(letter.attempted_at)}" if letter.attempted_at else ""
            output.line(f"\n{letter.id}\n  {printable(letter.code)}, first seen {timestamp(letter.first_seen)}{at}")
            for text in (letter.key and f"key {letter.key}", letter.reason):
                if text:
                    output.line(f"  {printable(text)}")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("Id", no_wrap=True)
    with_attempt = any(letter.attempted_at for letter in letters)
    for name in ("Code", "First seen", *(["Attempted at"] if with_attempt else []), "Key", "Reason"):
        table.add_column(name, overflow="fold")
    for letter in letters:
        cells = [letter.id, letter.code, timestamp(letter.first_seen), letter.key or "", letter.reason]
        if with_attempt:
            cells.insert(3, timestamp(letter.attempted_at) if letter.attempted_at else "")
        table.add_row(*(Text(printable(cell)) for cell in cells))
    output.table(table)
