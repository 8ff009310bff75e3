"""`sociocs dead-letters`: what is in there, why, and back with those that can succeed now."""

from collections import Counter
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click
from botocore.exceptions import ClientError
from rich.table import Table
from rich.text import Text

from message_sender.sqs_limits import LONGEST_VISIBILITY_SECONDS
from sociocs_cli.errors import AWS_ERRORS, fail, in_words
from sociocs_cli.letters import OWN_CODES, Letter
from sociocs_cli.masking import masked_attributes, masked_body, printable
from sociocs_cli.options import age, count, note, on_a_stack, out, print_json, progress, timestamp
from sociocs_cli.reading import HIDDEN_SECONDS, Reader
from sociocs_cli.redrive import Choice, Redrive, Report
from sociocs_cli.stack import Stack

UNSEEN = "with another reader, behind others of their group, or counted by SQS and not there; run it again"
"""Why letters cannot be read, and what to do."""
_TABLE_WIDTH = 160
"""Columns that the table of letters needs: 36 of an id, 17 of a code, 20 of a time, 40 of a key, and the reason."""
_CODE_HELP = f"One of the codes in docs/operations.md, or {', '.join(OWN_CODES)}."


@click.group("dead-letters", short_help="Look at what could not be sent, and send it back.")
def dead_letters() -> None:
    """Look at the messages that could not be sent, and send them back."""


# --- list -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Summary:
    """What a line of the list says of one letter; its body is not kept."""

    id: str
    code: str
    source: str
    key: str | None
    first_seen: datetime
    reason: str

    @classmethod
    def of(cls, letter: Letter) -> "Summary":
        """Take it from a letter."""
        return cls(letter.id, letter.code, letter.source, letter.key, letter.first_seen, letter.reason)


def summaries(stack: Stack) -> tuple[list[Summary], int]:
    """Look at every dead letter; also how many were not to be had."""
    found: list[Summary] = []
    unseen = 0
    bar, task = progress("Reading dead letters")
    with bar:
        for url in stack.dead_letter_queue_urls:
            with Reader(stack.sqs, url) as reader:
                before = len(found)
                for letters in reader.letters():
                    found += map(Summary.of, letters)
                    bar.update(task, completed=len(found), total=before + max(reader.total, reader.seen))
                unseen += reader.unseen
    return sorted(found, key=lambda summary: summary.first_seen), unseen


def by_code(found: list[Summary]) -> list[dict[str, Any]]:
    """Count letters by code, the most frequent first."""
    oldest: dict[str, datetime] = {}
    for summary in found:
        oldest[summary.code] = min(summary.first_seen, oldest.get(summary.code, summary.first_seen))
    counted = Counter(summary.code for summary in found).most_common()
    return [{"code": code, "count": number, "oldest": timestamp(oldest[code])} for code, number in counted]


@dead_letters.command("list", short_help="Count dead letters by code.")
@click.option("--ids", is_flag=True, help="Also each letter: its id, which `show` takes, its key and its reason.")
@click.option("--code", "codes", metavar="CODE", multiple=True, help=f"Only these. {_CODE_HELP}  [repeatable]")
@on_a_stack
def list_(stack: Stack, codes: tuple[str, ...], *, ids: bool, as_json: bool) -> None:
    """Count dead letters by code, with the time at which the oldest was first seen.

    Nothing is removed. While it reads, and for no longer, the letters are hidden from other readers: SQS knows no other
    way to look.
    """
    found, unseen = summaries(stack)
    wanted = set(_upper(codes))
    chosen = [summary for summary in found if not wanted or summary.code in wanted]
    counts = by_code(chosen)
    others = by_code([summary for summary in found if wanted and summary.code not in wanted])
    if as_json:
        rows = [{**vars(summary), "first_seen": timestamp(summary.first_seen)} for summary in chosen]
        print_json(
            {
                "total": len(found) + unseen,
                "unseen": unseen,
                "codes": counts,
                "others": others,
                **({"letters": rows} if ids else {}),
            }
        )
        return
    if chosen:
        out().print(code_table(counts))
        if ids:
            _print_letters(chosen)
    elif others:
        which = "this code" if len(wanted) == 1 else "these codes"
        named = ", ".join(f"{row['count']} {printable(row['code'])}" for row in others)
        click.echo(f"No dead letters with {which}; {count(len(found), 'other')}: {named}")
    else:
        click.echo("No dead letters that could be read." if unseen else "No dead letters.")
    if unseen:
        note(f"{count(unseen, 'more letter')} could not be read: {UNSEEN}.")


def code_table(counts: list[dict[str, Any]]) -> Table:
    """Lay out the counts by code."""
    table = Table("Code", box=None, pad_edge=False)
    table.add_column("Letters", justify="right")
    table.add_column("Oldest first seen")
    now = datetime.now(UTC)
    for row in counts:
        since = age(datetime.fromisoformat(row["oldest"]), now)
        table.add_row(Text(printable(row["code"])), str(row["count"]), f"{row['oldest']} ({since} ago)")
    return table


def _print_letters(found: list[Summary]) -> None:
    """Print a line for each letter, or on a narrow terminal a block: an id or key over two lines cannot be copied."""
    console = out()
    if console.width < _TABLE_WIDTH:
        for summary in found:
            click.echo(f"\n{summary.id}\n  {printable(summary.code)}, first seen {timestamp(summary.first_seen)}")
            for text in (summary.key and f"key {summary.key}", summary.reason):
                if text:
                    click.echo(f"  {printable(text)}")
        return
    table = Table(box=None, pad_edge=False)
    table.add_column("Id", no_wrap=True)
    for name in ("Code", "First seen", "Key", "Reason"):
        table.add_column(name, overflow="fold")
    for summary in found:
        cells = (summary.id, summary.code, timestamp(summary.first_seen), summary.key or "", summary.reason)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    console.print(table)


# --- show -----------------------------------------------------------------------------------------------------------


@dead_letters.command(short_help="Show one dead letter.")
@click.argument("wanted", metavar="[ID]", required=False)
@click.option("--code", metavar="CODE", help=f"The first with this code. {_CODE_HELP}")
@click.option("--reveal", is_flag=True, help="Show the message itself: phone number, name, text and all.")
@on_a_stack
def show(stack: Stack, wanted: str | None, code: str | None, *, reveal: bool, as_json: bool) -> None:
    """Show one dead letter, by its ID or its idempotency key; without either, the first.

    What the message says is masked unless you ask for it with --reveal. Nothing is removed.
    """
    with closing(_matching(stack, wanted, code.upper() if code else None)) as found:
        letter = next(found, None)
    if letter is None:
        fail("there is no such dead letter" if wanted or code else "there are no dead letters")
    details = _details(letter, reveal=reveal)
    if as_json:
        print_json(details)
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, value in details.items():
        if name not in ("attributes", "body") and value is not None:
            table.add_row(name.replace("_", " "), Text(printable(str(value))))
    for name, value in details["attributes"].items():
        table.add_row(f"attribute {printable(name)}", Text(printable(value)))
    out().print(table)
    click.echo()
    click.echo(printable(details["body"]))


def _matching(stack: Stack, wanted: str | None, code: str | None) -> Generator[Letter, None, None]:
    for url in stack.dead_letter_queue_urls:
        with Reader(stack.sqs, url) as reader:
            for letters in reader.letters():
                for letter in letters:
                    if (not wanted or wanted in (letter.id, letter.key)) and (not code or letter.code == code):
                        yield letter


def _details(letter: Letter, *, reveal: bool) -> dict[str, Any]:
    own = letter.own_attributes
    revealed = {
        name: f"{value['DataType']} {value.get('StringValue', value.get('BinaryValue'))}" for name, value in own.items()
    }
    return {
        "id": letter.id,
        "code": letter.code,
        "reason": letter.reason,
        "source": letter.source,
        "idempotency_key": letter.key,
        "first_seen": timestamp(letter.first_seen),
        "retry_attempts": letter.attempts,
        "message_group": letter.group,
        "queue": letter.queue_url.rpartition("/")[2],
        "rule": letter.attributes.get("RULE_ARN", {}).get("StringValue"),
        "target": letter.attributes.get("TARGET_ARN", {}).get("StringValue"),
        "attributes": revealed if reveal else masked_attributes(own),
        "body": letter.body if reveal else masked_body(letter.body),
    }


# --- redrive --------------------------------------------------------------------------------------------------------


@dead_letters.command(short_help="Send dead letters back to the queue.")
@click.option("--code", "codes", metavar="CODE", multiple=True, help=f"Only these. {_CODE_HELP}  [repeatable]")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many: try with one.")
@click.option("--dry-run", is_flag=True, help="Only say what would go back.")
@click.option(
    "--without-key",
    is_flag=True,
    help="Also those whose key there is no room to write down; interrupted, it may send one of them twice.",
)
@click.option(
    "--move",
    is_flag=True,
    help="Whole queue: let SQS move it also while sending is on. A letter that comes back with an unknown outcome "
    "during the move may then be sent once more.",
)
@click.option(
    "--visibility-timeout",
    "hidden_seconds",
    type=click.IntRange(1, LONGEST_VISIBILITY_SECONDS),
    metavar="SECONDS",
    default=HIDDEN_SECONDS,
    show_default=True,
    help="How long letters stay hidden when this command is killed; the next run waits for them so long. Longer with "
    "more than 25 letters a second of it.",
)
@on_a_stack
def redrive(
    stack: Stack,
    codes: tuple[str, ...],
    limit: int | None,
    hidden_seconds: int,
    *,
    without_key: bool,
    move: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send dead letters back to the queue, to be sent once more.

    Each keeps its body, its key and the producer's attributes; the error goes. Interrupt it or run it
    twice as you like: nothing is lost and nothing is sent twice.

    Without --code all go back but those that may have been sent already (OUTCOME_UNKNOWN): look in Sociocs first, then
    name their code, and each is sent once more.

    Without --code and --limit, and while sending is paused, SQS itself moves the whole queue. Otherwise letters go one
    by one: what comes back to the dead letters meanwhile is not to be sent again unseen.
    """
    choice = Choice(frozenset(_upper(codes)), limit, without_key=without_key, dry_run=dry_run)
    if move and not choice.is_whole_queue:
        raise click.UsageError("--move is for the whole queue: without --code, --limit and --dry-run")
    by_sqs = choice.is_whole_queue and not stack.queue_url.endswith(".fifo") and (move or _is_paused(stack))
    words = "Would go back" if dry_run else "Sent back"
    bar, task = progress(words)

    def on_progress(looked_at: int, total: int) -> None:
        number = run.report.returned.total() + run.report.moved
        bar.update(task, completed=looked_at, total=total, description=f"{words}: {number} so far, looked at")

    run = Redrive(
        stack.sqs, stack.queue_url, choice, hidden_seconds=hidden_seconds, on_progress=on_progress, on_wait=_say_wait
    )
    stopped: str | None = "interrupted"
    try:
        with bar:
            own, *others = stack.dead_letter_queue_urls
            if by_sqs:
                run.run_whole(own, stack.output("MessageDeadLetterQueueArn"), stack.output("MessageQueueArn"))
            else:
                run.run(own)
            for url in others:
                run.run(url)
        stopped = None
    except AWS_ERRORS as error:
        stopped = in_words(error)
    finally:
        _print_report(run.report, choice, stopped, as_json=as_json)
    if stopped:
        fail(f"{stopped}\nNothing is lost: run it again to send back the rest.")
    if run.report.failed or run.report.undeleted:
        fail("not everything went back: run it again")
    if run.report.unseen:
        fail("not everything could be read: run it again")


def _say_wait(letters: int, seconds: float) -> None:
    note(
        f"Waiting up to {seconds:.0f} s for {count(letters, 'letter')} of another reader: a command that runs, or was "
        "killed ..."
    )


def _is_paused(stack: Stack) -> bool:
    try:
        return stack.is_paused
    except ClientError:  # may not be asked, or there is no mapping: letter by letter is right in any case
        return False


def _print_report(report: Report, choice: Choice, stopped: str | None, *, as_json: bool) -> None:
    total = report.returned.total() + report.moved
    if as_json:
        print_json(
            {
                "dry_run": choice.dry_run,
                "returned": total,
                "codes": dict(report.returned),
                "moved_by_sqs": report.moved,
                "stayed": [{"code": c, "reason": r, "count": n} for (c, r), n in report.stayed.items()],
                "failed": [{"code": c, "error": e, "count": n} for (c, e), n in report.failed.items()],
                "not_chosen": dict(report.not_chosen),
                "undeleted": report.undeleted,
                "unseen": report.unseen,
                "finished": stopped is None,
            }
        )
        return
    codes = ", ".join(f"{number} {printable(code)}" for code, number in report.returned.most_common())
    moved = f"{report.moved} by SQS's own move" if report.moved else ""
    details = ", ".join(part for part in (codes, moved) if part)
    verb = "would go back" if choice.dry_run else "sent back"
    click.echo(f"{count(total, 'dead letter')} {verb}{f': {details}' if details else ''}")
    for (code, reason), number in report.stayed.items():
        click.echo(f"{number} {printable(code)} stayed: {reason}")
    for (code, error), number in report.failed.items():
        click.echo(f"{number} {printable(code)} refused by SQS: {printable(error)}")
    if report.not_chosen:
        others = ", ".join(f"{number} {printable(code)}" for code, number in report.not_chosen.most_common())
        click.echo(f"not chosen: {others}")
    if report.undeleted:
        click.echo(
            f"{report.undeleted} went back and could not be deleted here: the next run sends them again, "
            "the function does not"
        )
    if report.unseen:
        click.echo(f"{report.unseen} could not be read: {UNSEEN}")


def _upper(codes: tuple[str, ...]) -> list[str]:
    return [code.strip().upper() for code in codes]
