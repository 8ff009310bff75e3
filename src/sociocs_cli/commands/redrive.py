"""`sociocs dead-letters redrive`: send back the letters that can succeed now."""

from datetime import datetime

import click

from message_sender.aws import AWS_ERRORS
from message_sender.sqs_limits import LONGEST_VISIBILITY_SECONDS
from sociocs_cli import output
from sociocs_cli.choice import Choice
from sociocs_cli.errors import fail, in_words
from sociocs_cli.holding import HIDDEN_SECONDS
from sociocs_cli.letters import CODE_HELP
from sociocs_cli.options import codes_of, moment_of, on_a_stack, say_stack
from sociocs_cli.redrive import Redrive
from sociocs_cli.stack import Stack
from sociocs_cli.text import count


@click.command(short_help="Send dead letters back to the queue.")
@click.argument("names", metavar="[ID]...", nargs=-1)
@click.option("--code", "codes", metavar="CODE", multiple=True, help=f"Only these. {CODE_HELP}  [repeatable]")
@click.option(
    "--seen-before",
    metavar="TIME",
    callback=moment_of,
    help="Only letters that came to the dead-letter queue before TIME (2026-11-24T10:00:00Z), which you have looked "
    "at. `list` prints such a time.",
)
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
    *,
    names: tuple[str, ...],
    codes: tuple[str, ...],
    seen_before: datetime | None,
    limit: int | None,
    hidden_seconds: int,
    without_key: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Send dead letters back to the queue, to be sent once more: those with these IDs or idempotency keys, or by code.

    Each letter keeps its body, its key and the producer's attributes; the error is removed. You can interrupt the
    command or run it twice: nothing is lost and nothing is sent twice.

    Without IDs and --code, all go back that can succeed now. Letters that would fail again (INVALID_MESSAGE, EXPIRED,
    IDEMPOTENCY_CONFLICT) stay unless you name them.

    Letters of unknown outcome (OUTCOME_UNKNOWN, WITHOUT_CODE) may have been sent already. Look in Sociocs first. Then
    name them by ID, or by their code together with --seen-before: each is sent once more.

    Letters that come to the dead-letter queue while the command runs stay there.
    """
    choice = Choice(frozenset(names), codes_of(codes), seen_before, limit, without_key=without_key, dry_run=dry_run)
    if problem := choice.problem():
        raise click.UsageError(problem)
    say_stack(stack)
    words = "Would go back" if dry_run else "Sent back"
    bar, task = output.progress(words)

    def on_progress(looked_at: int, total: int) -> None:
        description = f"{words}: {run.report.returned.total()} so far, looked at"
        bar.update(task, completed=looked_at, total=total, description=description)

    run = Redrive(stack, choice, hidden_seconds=hidden_seconds, on_progress=on_progress, on_wait=_say_wait)
    stopped = "interrupted"
    try:
        with bar:
            run.run()
        stopped = ""
    except AWS_ERRORS as error:
        stopped = in_words(error)
    finally:
        if as_json:
            output.as_json({"dry_run": dry_run, **run.report.row(), "finished": not stopped})
        else:
            for line in run.report.lines("would go back" if dry_run else "sent back"):
                output.line(line)
    if stopped:
        fail(f"{stopped}\nNothing is lost: run it again to send back the rest.")
    if problems := run.report.problems():
        fail("\n".join(problems))


def _say_wait(letters: int, seconds: float) -> None:
    output.note(
        f"Waiting up to {seconds:.0f} s for {count(letters, 'letter')} of another reader: a command that runs, or was "
        "killed ..."
    )
