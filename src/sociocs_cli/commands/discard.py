"""`sociocs dead-letters discard`: delete the letters that somebody names, and no others."""

from collections.abc import Sequence

import click

from message_sender.aws import AWS_ERRORS
from sociocs_cli import output
from sociocs_cli.discarding import Discarded, delete, find
from sociocs_cli.errors import fail, in_words
from sociocs_cli.options import on_a_stack, say_stack
from sociocs_cli.reading import UNSEEN
from sociocs_cli.stack import Stack
from sociocs_cli.text import count, printable


@click.command(short_help="Delete the dead letters that you name.")
@click.argument("names", metavar="ID...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask. Without a terminal it is needed.")
@on_a_stack
def discard(stack: Stack, names: tuple[str, ...], *, yes: bool, as_json: bool) -> None:
    """Delete dead letters for good, by their IDs or idempotency keys: those that are settled otherwise.

    It says on standard error what it found, and asks first. Exactly the named letters are deleted: no code, no pattern
    and no whole queue can be given. The ledger is not touched: a key that was sent stays sent.
    """
    if not yes and not output.somebody_can_answer():
        raise click.UsageError("without a terminal nobody can be asked: give --yes")
    say_stack(stack)
    found, unseen = find(stack, set(names))
    missing = [name for name in names if not any(name in (one.summary.id, one.summary.key) for one in found)]
    for one in found:
        output.note(f"to discard  {one.words()}")
    if not output.notes_were_written():  # nobody could know what was deleted
        fail("nothing was discarded: standard error, which says what would be, cannot be written")
    which = "it" if len(found) == 1 else f"these {len(found)}"
    if found and not yes and not output.ask(f"Delete {which} for good?"):
        fail("nothing was discarded")
    report, stopped = Discarded(), "interrupted"
    try:
        if found:
            delete(stack, {one.summary.id: one for one in found}, report)
        stopped = ""
    except AWS_ERRORS as error:
        stopped = in_words(error)
    finally:
        if as_json:
            _print_json(report, missing, unseen, finished=not stopped)
        else:
            _print(report)
    gone = len(found) - len(report.discarded) - len(report.failed)
    problems = [
        stopped,
        f"not found: {', '.join(map(printable, missing))}" if missing else "",
        f"{count(unseen, 'letter')} could not be read: {UNSEEN}" if missing and unseen else "",
        f"{count(len(report.failed), 'letter')} could not be deleted: run it again" if report.failed else "",
        f"{count(gone, 'letter')} not there any more, or with another reader" if gone and not stopped else "",
    ]
    if any(problems):
        fail("\n".join(filter(None, problems)))


def _print_json(report: Discarded, missing: Sequence[str], unseen: int, *, finished: bool) -> None:
    output.as_json(
        {
            "discarded": [one.row() for one in report.discarded],
            "failed": [one.row() for one in report.failed],
            "not_found": list(missing),
            "unseen": unseen,
            "finished": finished,
        }
    )


def _print(report: Discarded) -> None:
    for one in report.discarded:
        output.line(f"discarded  {one.words()}")
    for one in report.failed:
        output.line(f"FAILED  {one.words()}")
