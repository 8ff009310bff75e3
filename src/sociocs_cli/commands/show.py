"""`sociocs dead-letters show`: one dead letter, with everything that it says about itself."""

from collections.abc import Sequence

import click
from rich.text import Text

from sociocs_cli import output
from sociocs_cli.errors import fail
from sociocs_cli.letters import CODE_HELP, Letter
from sociocs_cli.looking import look
from sociocs_cli.options import on_a_stack
from sociocs_cli.pages import page_of
from sociocs_cli.reading import UNSEEN, Reader
from sociocs_cli.stack import Stack
from sociocs_cli.tables import facts
from sociocs_cli.text import count, printable, timestamp


@click.command(short_help="Show one dead letter.")
@click.argument("wanted", metavar="[ID]", required=False)
@click.option("--code", metavar="CODE", help=f"The first with this code. {CODE_HELP}")
@click.option("--reveal", is_flag=True, help="Show the message itself: phone number, name, text and all.")
@on_a_stack
def show(stack: Stack, wanted: str | None, code: str | None, *, reveal: bool, as_json: bool) -> None:
    """Show one dead letter, by its ID or its idempotency key; without either, the first.

    What the message says is masked unless you ask for it with --reveal. Nothing is removed.
    """
    letter, unseen = _find(stack, wanted, code.upper() if code else None)
    if letter is None:
        why = "there is no such dead letter" if wanted or code else "there are no dead letters"
        fail(f"{why}; {count(unseen, 'letter')} could not be read: {UNSEEN}" if unseen else why)
    page = page_of(letter, reveal=reveal)
    if as_json:
        output.as_json({**page.details, "attributes": page.attributes, "body": page.body})
        return
    table = facts()
    for name, value in page.details.items():
        if value is not None:
            table.add_row(name.replace("_", " "), Text(printable(str(value))))
    for name, text in page.attributes.items():
        table.add_row(f"attribute {printable(name)}", Text(printable(text)))
    output.table(table)
    output.line()
    output.line(printable(page.body))
    if letter.outcome_is_unknown:
        output.note(f"\n{_advice(letter)}")


def _find(stack: Stack, wanted: str | None, code: str | None) -> tuple[Letter | None, int]:
    """Find the first letter that fits; also how many letters could not be read before."""
    found: list[Letter] = []

    def fits(_reader: Reader, letters: Sequence[Letter]) -> bool:
        for letter in letters:
            if (not wanted or wanted in (letter.id, letter.key)) and (not code or letter.code == code):
                found.append(letter)
                break
        return bool(found)

    looked = look(stack, "Looking for it", fits)
    return (found[0] if found else None), looked.unseen


def _advice(letter: Letter) -> str:
    """Say what a person has to decide about a letter of unknown outcome."""
    at = f" at about {timestamp(letter.attempted_at)}" if letter.attempted_at else ""
    return (
        f"It may have been sent. Look in Sociocs whether it was sent{at}.\n"
        f"If it was: sociocs dead-letters discard {letter.id}\n"
        f"If it was not: sociocs dead-letters redrive {letter.id}"
    )
