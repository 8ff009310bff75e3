"""`sociocs send`: judge a file of messages with the function's own model, then put them on the queue."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from botocore.exceptions import ClientError

from message_sender.sqs_limits import chunks
from sociocs_cli.errors import AWS_ERRORS, fail, in_words
from sociocs_cli.messages import Refusal, Valid, read
from sociocs_cli.options import age, count, note, on_a_stack, print_json, progress
from sociocs_cli.queue import Sent, send_batch
from sociocs_cli.runs import LONGEST_ID, Run
from sociocs_cli.stack import Stack

_UNANSWERED = Sent(None, "SQS did not answer; it may be queued")


@click.command(short_help="Put a file of messages on the queue.")
@click.argument("source", metavar="FILE|-", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--dry-run", is_flag=True, help="Only judge the messages; list every problem with its message and line.")
@click.option("--group", metavar="ID", help="FIFO queue: one message group for all.  [default: one for each recipient]")
@click.option(
    "--run",
    "run_id",
    metavar="ID",
    help=f"Name of this run, at most {LONGEST_ID} characters. Messages without a key of their own get a key made of ID "
    "and a hash of the message, so that the same run twice sends nothing twice.  [default: a new one, or that of the "
    "run of these messages that did not end]",
)
@click.option(
    "--new-run", is_flag=True, help="Send all of it anew, whatever a run that did not end has queued already."
)
@on_a_stack
def send(
    stack: Stack,
    source: Path,
    run_id: str | None,
    group: str | None,
    *,
    new_run: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Put the messages in FILE (- for standard input) on the queue.

    FILE holds one JSON object, a JSON array of objects, or JSON Lines. All of them are judged first, with the very
    model that the function uses: when one is refused, none is queued, and every problem is listed by its message.

    Prints each message's idempotency key. When it is interrupted or fails half-way, run it again with the same FILE, or
    a mended one: the same messages take the same keys, and what is on the queue already is not sent twice.
    """
    if run_id is not None and not (0 < len(run_id) <= LONGEST_ID and run_id.isascii() and run_id.isprintable()):
        raise click.BadParameter(f"1 to {LONGEST_ID} printable ASCII characters", param_hint="--run")
    if run_id is not None and new_run:
        raise click.UsageError("--run names a run, --new-run begins one without a name: give one of them")
    text = _text(source)
    messages, refusals = read(text)
    if refusals or not messages:
        _refuse(refusals, len(messages), as_json=as_json)
    if dry_run:
        _say_valid(messages, as_json=as_json)
        return
    without_key = [message.content for message in messages if message.own_key is None]
    run = Run.begin(stack.queue_url, without_key, run_id, new=new_run)
    if run.begun:
        begun = f"run {run.id} of {age(run.begun, datetime.now(UTC))} ago"
        note(
            f"Continues {begun}, which did not end: what it queued is not sent twice. (--new-run sends all of it anew.)"
        )
    _queue(stack, messages, run, group, as_json=as_json)


def _text(source: Path) -> str:
    try:
        content = sys.stdin.buffer.read() if str(source) == "-" else source.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{source} cannot be read: {error.strerror}") from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        fail(f"line {line}: not UTF-8 text")


def _refuse(refusals: list[Refusal], valid: int, *, as_json: bool) -> None:
    invalid = len({refusal.number for refusal in refusals})
    if as_json:
        problems = [{"message": found.number, "line": found.line, "problem": found.problem} for found in refusals]
        print_json({"valid": valid, "invalid": invalid, "queued": 0, "problems": problems})
    else:
        for refusal in refusals:
            click.echo(f"{_name(refusal)}: {refusal.problem}")
    if not invalid:
        fail("no message in it; nothing was queued")
    fail(f"{count(invalid, 'message')} of {invalid + valid} cannot be sent; nothing was queued")


def _name(message: Valid | Refusal) -> str:
    return f"message {message.number} (line {message.line})"


def _say_valid(messages: list[Valid], *, as_json: bool) -> None:
    if as_json:
        print_json({"valid": len(messages), "invalid": 0, "queued": 0, "problems": []})
    else:
        click.echo(f"{count(len(messages), 'valid message')}; nothing was queued (--dry-run)")


def _queue(stack: Stack, messages: list[Valid], run: Run, group: str | None, *, as_json: bool) -> None:
    fifo = stack.queue_url.endswith(".fifo")
    of_run = iter(run.keys)
    keys = [message.own_key or next(of_run) for message in messages]
    entries = [message.entry(key, fifo=fifo, group=group) for message, key in zip(messages, keys, strict=True)]
    done: list[Sent] = []
    stopped: str | None = "interrupted"
    bar, task = progress("Queueing", len(messages))
    try:
        with bar:
            for chunk in chunks(entries):
                _send(stack, chunk, done)
                bar.update(task, completed=len(done))
        # Before a word of it is printed: whoever reads that may stop reading, and the run has ended all the same.
        if all(sent.message_id for sent in done):
            run.end()
        stopped = None
    except AWS_ERRORS as error:
        stopped = in_words(error)
    finally:
        _report(messages, keys, done, as_json=as_json)
        queued = sum(sent.message_id is not None for sent in done)
        if queued < len(messages):
            again = "again with the same input" if run.note or not run.marks else f"again with --run {run.id}"
            note(f"{queued} of {len(messages)} queued. Run it {again}: what is queued already is not sent twice.")
    if stopped or queued < len(messages):
        fail(stopped or f"SQS did not take {count(len(messages) - queued, 'message')}")


def _send(stack: Stack, chunk: list[dict[str, Any]], done: list[Sent]) -> None:
    """Send a batch, and write down what became of it, also when SQS does not answer or nobody waits for its answer."""
    try:
        done += send_batch(stack.sqs, stack.queue_url, chunk)
    except ClientError:  # an answer: it took nothing of it
        raise
    except BaseException:
        done += [_UNANSWERED] * len(chunk)
        raise


def _report(messages: list[Valid], keys: list[str], done: list[Sent], *, as_json: bool) -> None:
    """Say of each message what is known: queued, refused by SQS, maybe queued, or not tried."""
    answers: list[Sent | None] = [*done, *[None] * (len(messages) - len(done))]
    if not as_json:
        for message, key, sent in zip(messages, keys, answers, strict=True):
            if sent is not None:
                what = "queued" if sent.message_id else "UNKNOWN" if sent is _UNANSWERED else "FAILED"
                click.echo(f"{what}  {key}  {_name(message)}{_why(sent)}")
        return
    rows: list[dict[str, Any]] = [
        {
            "message": message.number,
            "line": message.line,
            "idempotency_key": key,
            "queued": bool(sent and sent.message_id),
            "message_id": sent.message_id if sent else None,
            "error": sent.error if sent else "not tried",
        }
        for message, key, sent in zip(messages, keys, answers, strict=True)
    ]
    queued = sum(row["queued"] for row in rows)
    print_json({"valid": len(rows), "invalid": 0, "queued": queued, "problems": [], "messages": rows})


def _why(sent: Sent) -> str:
    return f"  {sent.error}" if sent.error else ""
