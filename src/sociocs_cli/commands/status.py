"""`sociocs status`: is it running, and how much waits where."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import click
from rich.table import Table

from sociocs_cli.commands.dead_letters import UNSEEN, by_code, code_table, summaries
from sociocs_cli.errors import AWS_ERRORS
from sociocs_cli.options import count, duration, note, on_a_stack, out, print_json
from sociocs_cli.queue import Depth, depth
from sociocs_cli.stack import Stack

_NAMESPACE = "SociocsMessageSender"


@click.command(short_help="Say how much waits where, and whether sending is on.")
@on_a_stack
def status(stack: Stack, *, as_json: bool) -> None:
    """Say how many messages wait, how long the oldest has waited, what lies dead and why, and whether sending is on."""
    waiting = depth(stack.sqs, stack.queue_url)
    found, unseen = summaries(stack)
    mapping = _mapping(stack)
    oldest = _oldest(stack, waiting)
    accepted = _accepted(stack)
    if as_json:
        print_json(
            {
                "stack": stack.name,
                "mapping": mapping,
                "queue": {
                    "visible": waiting.visible,
                    "in_flight": waiting.in_flight,
                    "delayed": waiting.delayed,
                    "oldest_seconds": oldest,
                },
                "accepted_24_hours": accepted,
                "dead_letters": {"total": len(found) + unseen, "unseen": unseen, "codes": by_code(found)},
            }
        )
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_row("Stack", stack.name)
    table.add_row("Sending", _sending(mapping))
    table.add_row("Messages waiting", str(waiting.visible))
    table.add_row("Under way, or between two tries", str(waiting.in_flight))
    table.add_row("Delayed", str(waiting.delayed))
    table.add_row("Oldest message", "unknown" if oldest is None else duration(oldest))
    table.add_row("Accepted in 24 hours", "unknown" if accepted is None else f"{accepted:.0f}")
    table.add_row("Dead letters", str(len(found) + unseen))
    out().print(table)
    if found:
        click.echo()
        out().print(code_table(by_code(found)))
    if unseen:
        note(f"{count(unseen, 'dead letter')} could not be read: {UNSEEN}.")


def _mapping(stack: Stack) -> dict[str, Any]:
    """Read the state of what feeds the function."""
    state = stack.mapping_state
    enabled = state in ("Enabled", "Enabling", "Creating", "Updating")
    return {"id": stack.output("EventSourceMappingId"), "state": state, "enabled": enabled}


def _sending(mapping: dict[str, Any]) -> str:
    if mapping["enabled"]:
        return f"on (mapping {mapping['state']})"
    return f'paused (mapping {mapping["state"]}): docs/operations.md, "Pause and resume"'


def _oldest(stack: Stack, waiting: Depth) -> float | None:
    """Say for how many seconds the oldest message has waited; None when nothing says it.

    SQS's own metric leaves out what was received three times. Of those the function says the age with every retry; two
    of them are up to 15 minutes apart.
    """
    queue_name = stack.queue_url.rpartition("/")[2]
    of_sqs = _points(stack, "AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue_name, minutes=10)
    ages = [of_sqs[-1]] if of_sqs else []
    if waiting.total:  # otherwise what was retried is gone
        ages += _points(stack, _NAMESPACE, "RetriedMessageAge", "service", stack.name, minutes=20)
    return max(ages, default=None)


def _accepted(stack: Stack) -> float | None:
    points = _points(stack, _NAMESPACE, "MessagesAccepted", "service", stack.name, minutes=24 * 60, statistic="Sum")
    return sum(points) if points else None


def _points(
    stack: Stack,
    namespace: str,
    name: str,
    dimension: str,
    value: str,
    *,
    minutes: int,
    statistic: Literal["Maximum", "Sum"] = "Maximum",
) -> list[float]:
    """Read a metric over the latest minutes, in the order of time; empty when there is none, or it may not be read."""
    now = datetime.now(UTC)
    try:
        points = stack.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": dimension, "Value": value}],
            StartTime=now - timedelta(minutes=minutes),
            EndTime=now,
            Period=60 if statistic == "Maximum" else 3600,
            Statistics=[statistic],
        )["Datapoints"]
    except AWS_ERRORS:
        return []
    return [point[statistic] for point in sorted(points, key=lambda point: point["Timestamp"])]
