"""SQS's own move of a whole dead-letter queue: start it, or find the one that runs, and follow it to its end."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sociocs_cli.errors import fail

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ListMessageMoveTasksResultEntryTypeDef as Task

_POLL_SECONDS = 0.5
_APPEARS_WITHIN_SECONDS = 30.0

OnProgress = Callable[[int, int], object]
"""Told how many were moved, of how many."""


def running(sqs: "SQSClient", source_arn: str) -> bool:
    """Say whether one is under way already: an earlier command's, or one from the console."""
    task = _newest(sqs, source_arn)
    return task is not None and task.get("Status") == "RUNNING"


def move_all(sqs: "SQSClient", source_arn: str, destination_arn: str, on_progress: OnProgress) -> int:
    """Move every letter; return how many. An interruption cancels the move: the rest stays where it is.

    The destination is named because SQS knows no other for what it did not move there itself.

    Raises:
        click.ClickException: the move failed or was cancelled by somebody else.
    """
    before = _newest(sqs, source_arn)
    handle = sqs.start_message_move_task(SourceArn=source_arn, DestinationArn=destination_arn)["TaskHandle"]
    try:
        return follow(sqs, source_arn, on_progress, after=before.get("StartedTimestamp", 0) if before else 0)
    except KeyboardInterrupt:
        with suppress(ClientError):  # it is over
            sqs.cancel_message_move_task(TaskHandle=handle)
        raise


def follow(sqs: "SQSClient", source_arn: str, on_progress: OnProgress, after: int = 0) -> int:
    """Follow the newest move until it ends; return how many were moved.

    Args:
        sqs: the client.
        source_arn: of the dead-letter queue.
        on_progress: told of each step.
        after: epoch milliseconds; a task that started no later is an earlier one, the new one is not listed yet.
    """
    appears_by = time.monotonic() + _APPEARS_WITHIN_SECONDS
    while True:
        task = _newest(sqs, source_arn)
        if task is None or (task.get("StartedTimestamp", 0) <= after and task.get("Status") != "RUNNING"):
            if time.monotonic() > appears_by:
                fail("SQS does not list the move that it started: look with `aws sqs list-message-move-tasks`")
            time.sleep(_POLL_SECONDS)
            continue
        moved = task.get("ApproximateNumberOfMessagesMoved", 0)
        on_progress(moved, max(moved, task.get("ApproximateNumberOfMessagesToMove", 0)))
        if task.get("Status") == "COMPLETED":
            return moved
        if task.get("Status") in ("FAILED", "CANCELLED"):
            why = task.get("FailureReason", "somebody cancelled it")
            fail(f"the move ended after {moved} letters ({why}): the others are where they were; run it again")
        time.sleep(_POLL_SECONDS)


def _newest(sqs: "SQSClient", source_arn: str) -> "Task | None":
    found = sqs.list_message_move_tasks(SourceArn=source_arn, MaxResults=1).get("Results", [])
    return found[0] if found else None
