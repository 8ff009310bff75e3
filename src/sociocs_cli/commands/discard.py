"""`sociocs dead-letters discard`: delete the letters that somebody names, one by one, and no others."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import click

from sociocs_cli.commands.dead_letters import UNSEEN, Summary
from sociocs_cli.errors import AWS_ERRORS, fail, in_words
from sociocs_cli.letters import Letter
from sociocs_cli.masking import printable
from sociocs_cli.options import count, note, on_a_stack, print_json, progress, timestamp
from sociocs_cli.queue import delete_batch, undisturbed
from sociocs_cli.reading import Reader
from sociocs_cli.stack import Stack


@dataclass
class _Report:
    """What came of it; written down as it happens."""

    discarded: list["_Named"] = field(default_factory=list)
    failed: list["_Named"] = field(default_factory=list)
    """Not deleted, or SQS did not say."""


@dataclass(frozen=True)
class _Named:
    """What is shown of a letter that is to go."""

    summary: Summary
    recipient: str

    @classmethod
    def of(cls, letter: Letter) -> "_Named":
        return cls(Summary.of(letter), letter.masked_recipient)

    def words(self) -> str:
        found = self.summary
        parts = (found.id, found.code, found.key or "without a key", f"first seen {timestamp(found.first_seen)}")
        return printable("  ".join((*parts, f"to {self.recipient}")))

    def row(self) -> dict[str, str | None]:
        found = self.summary
        return {
            "id": found.id,
            "code": found.code,
            "idempotency_key": found.key,
            "first_seen": timestamp(found.first_seen),
            "recipient": self.recipient,
        }


@click.command(short_help="Delete the dead letters that you name.")
@click.argument("names", metavar="ID...", nargs=-1, required=True)
@click.option("--yes", is_flag=True, help="Do not ask. Without a terminal it is needed.")
@on_a_stack
def discard(stack: Stack, names: tuple[str, ...], *, yes: bool, as_json: bool) -> None:
    """Delete dead letters for good, by their IDs or idempotency keys: those that are settled otherwise.

    It shows what it found and asks first. Exactly the named letters are deleted: it knows no code, no pattern and no
    whole queue. The ledger is not touched: a key that was sent stays sent.
    """
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("without a terminal nobody can be asked: give --yes")
    found, unseen = _find(stack, set(names))
    missing = [name for name in names if not any(name in (one.summary.id, one.summary.key) for one in found)]
    if found and not yes:
        for one in found:
            note(one.words())
        if not click.confirm(f"Delete {'it' if len(found) == 1 else f'these {len(found)}'} for good?", err=True):
            fail("nothing was discarded")
    report, stopped = _Report(), "interrupted"
    try:
        if found:
            _delete(stack, {one.summary.id: one for one in found}, report)
        stopped = ""
    except AWS_ERRORS as error:
        stopped = in_words(error)
    finally:
        _print(report, missing, unseen, finished=not stopped, as_json=as_json)
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


def _find(stack: Stack, names: set[str]) -> tuple[list[_Named], int]:
    """Look for letters of these names, and let them go again: nothing stays hidden while somebody thinks."""
    found: list[_Named] = []
    unseen = _read(
        stack,
        "Looking for them",
        lambda _, letters: found.extend(_Named.of(one) for one in letters if names & {one.id, one.key}),
    )
    return found, unseen


def _delete(stack: Stack, chosen: dict[str, _Named], report: _Report) -> None:
    """Delete the letters that were shown. By id alone: what has the same key meanwhile is another letter."""

    def delete(reader: Reader, letters: list[Letter]) -> bool:
        there = [letter for letter in letters if letter.id in chosen]
        if there:
            with undisturbed():
                _delete_batch(stack, there, [chosen[letter.id] for letter in there], reader, report)
        return len(report.discarded) + len(report.failed) == len(chosen)

    _read(stack, "Discarding", delete)


def _delete_batch(stack: Stack, there: list[Letter], named: list[_Named], reader: Reader, report: _Report) -> None:
    try:
        left = delete_batch(stack.sqs, there[0].queue_url, [letter.receipt for letter in there])
    except BaseException:  # also the second Ctrl-C
        report.failed += named
        raise
    for position, letter in enumerate(there):
        if position in left:
            report.failed.append(named[position])
        else:
            report.discarded.append(named[position])
            reader.remove(letter)


def _read(stack: Stack, words: str, on_letters: Callable[[Reader, list[Letter]], bool | None]) -> int:
    """Go through every dead letter, until `on_letters` says that it is done; return how many were not to be had."""
    unseen = 0
    bar, task = progress(words)
    with bar:
        for url in stack.dead_letter_queue_urls:
            with Reader(stack.sqs, url) as reader:
                for letters in reader.letters():
                    if on_letters(reader, letters):
                        return unseen
                    bar.update(task, completed=reader.seen, total=max(reader.total, reader.seen))
                unseen += reader.unseen
    return unseen


def _print(report: _Report, missing: list[str], unseen: int, *, finished: bool, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "discarded": [one.row() for one in report.discarded],
                "failed": [one.row() for one in report.failed],
                "not_found": missing,
                "unseen": unseen,
                "finished": finished,
            }
        )
        return
    for one in report.discarded:
        click.echo(f"discarded  {one.words()}")
    for one in report.failed:
        click.echo(f"FAILED  {one.words()}")
