"""`sociocs status`: is sending on, and how much waits where."""

from datetime import datetime

import click

from sociocs_cli import output
from sociocs_cli.metrics import RETRIED_WITHIN, Deferral, accepted_in_a_day, deferrals, oldest_seconds
from sociocs_cli.options import on_a_stack
from sociocs_cli.queue import Depth, depth, retention
from sociocs_cli.reading import UNSEEN
from sociocs_cli.stack import Stack
from sociocs_cli.summaries import Summaries, by_code, summarize
from sociocs_cli.tables import code_table, facts
from sociocs_cli.text import count, duration, timestamp

_ON = ("Enabled", "Enabling", "Creating", "Updating")
"""States of the mapping in which Lambda reads the queue, or soon does."""


@click.command(short_help="Say how much waits where, and whether sending is on.")
@click.option("--watch", is_flag=True, help="Say it again every 10 seconds, until Ctrl-C.")
@on_a_stack
def status(stack: Stack, *, watch: bool, as_json: bool) -> None:
    """Say how many messages wait, how long the oldest has waited, which dead letters there are and if sending is on."""
    dead: Summaries | None = None
    while True:
        # To read letters is to receive them. While their number stays the same, one look is enough.
        if dead is None or dead.total != sum(depth(stack.sqs, url).total for url in stack.dead_letter_queue_urls):
            dead = summarize(stack)
        state = stack.mapping_state
        waiting = depth(stack.sqs, stack.queue_url)
        if watch:
            output.new_page()
        (_as_json if as_json else _as_table)(stack, state, waiting, dead)
        if not watch:
            return
        stack.wait(stack.waits.between_statuses)


def _as_json(stack: Stack, state: str, waiting: Depth, dead: Summaries) -> None:
    output.as_json(
        {
            "stack": stack.name,
            "mapping": {"id": stack.output("EventSourceMappingId"), "state": state, "enabled": state in _ON},
            "queue": {
                "visible": waiting.visible,
                "in_flight": waiting.in_flight,
                "delayed": waiting.delayed,
                "oldest_seconds": oldest_seconds(stack, waiting),
            },
            "deferred": [deferral.row() for deferral in (deferrals(stack) if waiting.total else [])],
            "accepted_24_hours": accepted_in_a_day(stack),
            "dead_letters": {
                "total": dead.total,
                "unseen": dead.unseen,
                "first_deleted_at": timestamp(goes) if (goes := _first_to_go(stack, dead)) else None,
                "codes": [code.row() for code in by_code(dead.letters)],
            },
        }
    )


def _as_table(stack: Stack, state: str, waiting: Depth, dead: Summaries) -> None:
    oldest, accepted = oldest_seconds(stack, waiting), accepted_in_a_day(stack)
    table = facts()
    table.add_row("Stack", stack.name)
    table.add_row("Sending", _sending(state))
    table.add_row("Messages waiting", str(waiting.visible))
    table.add_row("Under way, or between two tries", str(waiting.in_flight))
    for deferral in deferrals(stack) if waiting.total else []:
        table.add_row(f"Put back, {deferral.code}", _deferred(deferral))
    table.add_row("Delayed", str(waiting.delayed))
    table.add_row("Oldest message", "unknown" if oldest is None else duration(oldest))
    table.add_row("Accepted in 24 hours", "unknown" if accepted is None else f"{accepted:.0f}")
    table.add_row("Dead letters", str(dead.total))
    if goes := _first_to_go(stack, dead):
        left = duration((goes - dead.read_at).total_seconds())
        table.add_row("SQS deletes the oldest", f"{timestamp(goes)} (in {left})")
    output.table(table)
    if codes := by_code(dead.letters):
        output.line()
        output.table(code_table(codes))
    if dead.unseen:
        output.note(f"{count(dead.unseen, 'dead letter')} could not be read: {UNSEEN}.")


def _first_to_go(stack: Stack, dead: Summaries) -> datetime | None:
    """Say when SQS deletes the oldest letter; None when there is none."""
    written = dead.first_written_at
    return written + retention(stack.sqs, stack.dead_letter_queue_urls[0]) if written else None


def _deferred(deferral: Deferral) -> str:
    times = count(deferral.times, "time")
    longest = duration(RETRIED_WITHIN.total_seconds())
    return f"{times} in 20 min, since {timestamp(deferral.since)}; each message is tried again within {longest}"


def _sending(state: str) -> str:
    if state in _ON:
        return f"on (mapping {state})"
    return f'paused (mapping {state}): docs/operations.md, "Pause and resume"'
