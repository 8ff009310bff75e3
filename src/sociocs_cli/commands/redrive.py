"""`sociocs dead-letters redrive`: send back the letters that can succeed now."""

import click

from message_sender.sqs_limits import LONGEST_VISIBILITY_SECONDS
from sociocs_cli import output
from sociocs_cli.choice import Choice
from sociocs_cli.errors import AWS_ERRORS, fail, in_words
from sociocs_cli.holding import HIDDEN_SECONDS
from sociocs_cli.letters import CODE_HELP
from sociocs_cli.options import codes_of, on_a_stack
from sociocs_cli.reading import UNSEEN
from sociocs_cli.redrive import Redrive, Report
from sociocs_cli.stack import Stack
from sociocs_cli.text import count, printable


@click.command(short_help="Send dead letters back to the queue.")
@click.option("--code", "codes", metavar="CODE", multiple=True, help=f"Only these. {CODE_HELP}  [repeatable]")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="At most so many: try with one.")
@click.option("--dry-run", is_flag=True, help="Only say what would go back.")
@click.option(
    "--without-key",
    is_flag=True,
    help="Also those whose key there is no room to write down; interrupted, it may send one of them twice.",
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
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send dead letters back to the queue, to be sent once more.

    Each letter keeps its body, its key and the producer's attributes; the error is removed. You can interrupt the
    command or run it twice: nothing is lost and nothing is sent twice.

    Without --code all go back except those that may have been sent already (OUTCOME_UNKNOWN): look in Sociocs first,
    then name their code, and each is sent once more.

    Letters that come to the dead-letter queue while it runs stay there.
    """
    choice = Choice(codes_of(codes), limit, without_key=without_key, dry_run=dry_run)
    words = "Would go back" if dry_run else "Sent back"
    bar, task = output.progress(words)

    def on_progress(looked_at: int, total: int) -> None:
        description = f"{words}: {run.report.returned.total()} so far, looked at"
        bar.update(task, completed=looked_at, total=total, description=description)

    run = Redrive(stack, choice, hidden_seconds=hidden_seconds, on_progress=on_progress, on_wait=_say_wait)
    stopped: str | None = "interrupted"
    try:
        with bar:
            run.run()
        stopped = None
    except AWS_ERRORS as error:
        stopped = in_words(error)
    finally:
        if as_json:
            _print_json(run.report, choice, finished=stopped is None)
        else:
            _print(run.report, choice)
    if stopped:
        fail(f"{stopped}\nNothing is lost: run it again to send back the rest.")
    if run.report.failed or run.report.undeleted:
        fail("not everything went back: run it again")
    if run.report.unseen:
        fail("not everything could be read: run it again")


def _say_wait(letters: int, seconds: float) -> None:
    output.note(
        f"Waiting up to {seconds:.0f} s for {count(letters, 'letter')} of another reader: a command that runs, or was "
        "killed ..."
    )


def _print_json(report: Report, choice: Choice, *, finished: bool) -> None:
    output.as_json(
        {
            "dry_run": choice.dry_run,
            "returned": report.returned.total(),
            "codes": dict(report.returned),
            "stayed": [{"code": c, "reason": r, "count": n} for (c, r), n in report.stayed.items()],
            "failed": [{"code": c, "error": e, "count": n} for (c, e), n in report.failed.items()],
            "not_chosen": dict(report.not_chosen),
            "undeleted": report.undeleted,
            "unseen": report.unseen,
            "finished": finished,
        }
    )


def _print(report: Report, choice: Choice) -> None:
    codes = ", ".join(f"{number} {printable(code)}" for code, number in report.returned.most_common())
    verb = "would go back" if choice.dry_run else "sent back"
    output.line(f"{count(report.returned.total(), 'dead letter')} {verb}{f': {codes}' if codes else ''}")
    for (code, reason), number in report.stayed.items():
        output.line(f"{number} {printable(code)} stayed: {printable(reason)}")
    for (code, error), number in report.failed.items():
        output.line(f"{number} {printable(code)} refused by SQS: {printable(error)}")
    if report.not_chosen:
        others = ", ".join(f"{number} {printable(code)}" for code, number in report.not_chosen.most_common())
        output.line(f"not chosen: {others}")
    if report.undeleted:
        output.line(
            f"{report.undeleted} went back and could not be deleted here: the next run sends them again, "
            "the function does not"
        )
    if report.unseen:
        output.line(f"{report.unseen} could not be read: {UNSEEN}")
