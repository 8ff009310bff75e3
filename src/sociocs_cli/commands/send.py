"""`sociocs send`: judge a file of messages with the function's own model, then put them on the queue."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from message_sender.aws import AWS_ERRORS
from sociocs_cli import output
from sociocs_cli.errors import fail, in_words
from sociocs_cli.messages import expired, read, unknown_numbers
from sociocs_cli.options import on_a_stack
from sociocs_cli.runs import LONGEST_NAME, Run, name_of
from sociocs_cli.send_report import refuse, report, say_valid, warn
from sociocs_cli.sending import Queueing
from sociocs_cli.stack import Stack
from sociocs_cli.text import age, count


@click.command(short_help="Put a file of messages on the queue.")
@click.argument("source", metavar="FILE|-", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only judge the messages; list every problem with its message and line.")
@click.option("--group", metavar="ID", help="FIFO queue: one message group for all.  [default: one for each recipient]")
@click.option(
    "--run",
    "run_name",
    metavar="NAME",
    help=f"Name of this run, at most {LONGEST_NAME} printable ASCII characters. A message without a key of its own "
    "gets a key made of NAME and a hash of the message, so that the same message is sent once for each NAME.  "
    "[default: a hash of FILE]",
)
@on_a_stack
def send(stack: Stack, source: Path, run_name: str | None, group: str | None, *, dry_run: bool, as_json: bool) -> None:
    """Put the messages in FILE (- for standard input) on the queue.

    FILE holds one JSON object, a JSON array of objects, or JSON Lines. All of them are judged first, with the model
    that the function uses: when one is refused, none is queued, and every problem is listed with its message.

    Prints each message's idempotency key. Running it again with the same FILE is harmless: the same messages have the
    same keys, and are not sent twice. A changed FILE is another run. To go on with a run and a changed FILE, or to send
    the same FILE once more, name the run with --run.
    """
    if run_name is not None and not (
        0 < len(run_name) <= LONGEST_NAME and run_name.isascii() and run_name.isprintable()
    ):
        raise click.BadParameter(f"1 to {LONGEST_NAME} printable ASCII characters", param_hint="--run")
    content = _content(source)
    messages, refusals = read(_text(content))
    late = list(expired(messages, datetime.now(UTC)))
    if dry_run:  # a run that is continued may hold messages that were sent before they expired
        refusals += late
    if refusals or not messages:
        refuse(refusals, len(messages) - (len(late) if dry_run else 0), as_json=as_json)
    warn(unknown_numbers(messages), late)
    if dry_run:
        say_valid(messages, as_json=as_json)
        return
    without_key = [message.content for message in messages if message.own_key is None]
    run = Run(stack.queue_url, run_name or name_of(content), without_key)
    if run_name is None:
        _refuse_a_changed_input(run)
    _say_earlier_try(run)
    queueing = Queueing(stack, run, messages, group)
    _queue(queueing, as_json=as_json)


def _content(source: Path) -> bytes:
    try:
        if str(source) != "-":
            return source.read_bytes()
        if sys.stdin is None:
            raise click.UsageError("standard input is closed")
        return sys.stdin.buffer.read()
    except OSError as error:
        raise click.UsageError(f"{source} cannot be read: {error.strerror}") from None


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fail(f"line {line}: not UTF-8 text")


def _refuse_a_changed_input(run: Run) -> None:
    """Refuse messages that a run with another input may have queued: with this run's keys they would be sent twice."""
    lines = [
        f"{count(same, 'message')} of this input may be on the queue already: run {note.name} of "
        f"{age(note.at, datetime.now(UTC))} ago did not end. The input has changed since, so this is another run.\n"
        f"To go on with that run: --run {note.name}"
        for note, same in run.unfinished()
    ]
    if lines:
        again = "To send all of the input, also what that run has queued: --run NAME, with a name of your own"
        fail("\n".join([*lines, again, "Nothing was queued."]))


def _say_earlier_try(run: Run) -> None:
    before = run.before()
    if before is None:
        return
    since = age(before.at, datetime.now(UTC))
    if before.has_ended:
        output.note(
            f"Run {run.name} was put on the queue {since} ago: what it queued then is not sent twice. To send it once "
            "more: --run NAME, with a new name."
        )
    else:
        output.note(f"Continues run {run.name} of {since} ago, which did not end: what it queued is not sent twice.")


def _queue(queueing: Queueing, *, as_json: bool) -> None:
    stopped = "interrupted"
    try:
        queueing.run()
        stopped = ""
    except AWS_ERRORS as error:
        stopped = in_words(error)
    finally:
        report(queueing, as_json=as_json)
        if not queueing.is_done:
            output.note(
                f"{queueing.queued} of {len(queueing.lines)} queued. Run it again with the same input: what is queued "
                f"already is not sent twice. With a changed input add --run {queueing.name}."
            )
    if not queueing.is_done:
        fail(stopped or f"SQS did not take {count(len(queueing.lines) - queueing.queued, 'message')}")
