"""`sociocs status`: is sending on, and how much waits where."""

import click

from sociocs_cli import output
from sociocs_cli.metrics import RETRIED_WITHIN, Deferral, accepted_in_a_day, deferrals, oldest_seconds
from sociocs_cli.options import on_a_stack
from sociocs_cli.queue import depth
from sociocs_cli.reading import UNSEEN
from sociocs_cli.stack import Stack
from sociocs_cli.summaries import by_code, summarize
from sociocs_cli.tables import code_table, facts
from sociocs_cli.text import count, duration, timestamp

_ON = ("Enabled", "Enabling", "Creating", "Updating")
"""States of the mapping in which Lambda reads the queue, or soon does."""


@click.command(short_help="Say how much waits where, and whether sending is on.")
@on_a_stack
def status(stack: Stack, *, as_json: bool) -> None:
    """Say how many messages wait, how long the oldest has waited, which dead letters there are and if sending is on."""
    waiting = depth(stack.sqs, stack.queue_url)
    dead = summarize(stack)
    state = stack.mapping_state
    oldest = oldest_seconds(stack, waiting)
    accepted = accepted_in_a_day(stack)
    deferred = deferrals(stack) if waiting.total else []
    codes = by_code(dead.letters)
    if as_json:
        output.as_json(
            {
                "stack": stack.name,
                "mapping": {"id": stack.output("EventSourceMappingId"), "state": state, "enabled": state in _ON},
                "queue": {
                    "visible": waiting.visible,
                    "in_flight": waiting.in_flight,
                    "delayed": waiting.delayed,
                    "oldest_seconds": oldest,
                },
                "deferred": [deferral.row() for deferral in deferred],
                "accepted_24_hours": accepted,
                "dead_letters": {
                    "total": dead.total,
                    "unseen": dead.unseen,
                    "codes": [code.row() for code in codes],
                },
            }
        )
        return
    table = facts()
    table.add_row("Stack", stack.name)
    table.add_row("Sending", _sending(state))
    table.add_row("Messages waiting", str(waiting.visible))
    table.add_row("Under way, or between two tries", str(waiting.in_flight))
    for deferral in deferred:
        table.add_row(f"Put back, {deferral.code}", _deferred(deferral))
    table.add_row("Delayed", str(waiting.delayed))
    table.add_row("Oldest message", "unknown" if oldest is None else duration(oldest))
    table.add_row("Accepted in 24 hours", "unknown" if accepted is None else f"{accepted:.0f}")
    table.add_row("Dead letters", str(dead.total))
    output.table(table)
    if codes:
        output.line()
        output.table(code_table(codes))
    if dead.unseen:
        output.note(f"{count(dead.unseen, 'dead letter')} could not be read: {UNSEEN}.")


def _deferred(deferral: Deferral) -> str:
    times = count(deferral.times, "time")
    longest = duration(RETRIED_WITHIN.total_seconds())
    return f"{times} in 20 min, since {timestamp(deferral.since)}; each message is tried again within {longest}"


def _sending(state: str) -> str:
    if state in _ON:
        return f"on (mapping {state})"
    return f'paused (mapping {state}): docs/operations.md, "Pause and resume"'
