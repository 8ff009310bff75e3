"""SQS message move tasks (dead-letter redrive), which moto does not have. A task is finished when its start returns."""

from __future__ import annotations

import uuid
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import SQSException
from moto.sqs.models import Message, Queue, SQSBackend
from moto.sqs.responses import SQSResponse

from sandbox.aws.moto_patches.registry import patch
from sandbox.aws.moto_patches.sqs import next_sequence_number


@patch(SQSResponse, "start_message_move_task")
def start_message_move_task(self: SQSResponse) -> ActionResult:
    """Moto has no StartMessageMoveTask."""
    backend = self.sqs_backend
    source_arn, destination_arn = self._get_param("SourceArn"), self._get_param("DestinationArn")
    source = _queue(backend, source_arn)
    destination = _queue(backend, destination_arn) if destination_arn else None
    if source is None or (destination_arn and destination is None):
        raise SQSException(
            "ResourceNotFoundException", "The resource that you specified for the SourceArn parameter doesn't exist."
        )
    if not any(queue.dead_letter_queue is source for queue in backend.queues.values()):
        raise SQSException("InvalidParameterValue", "Source queue must be configured as a Dead Letter Queue.")
    if destination is not None and destination.fifo_queue != source.fifo_queue:
        raise SQSException("InvalidParameterValue", "Source queue and destination queue must be of the same type.")
    task = {
        "SourceArn": source_arn,
        **({"DestinationArn": destination_arn} if destination_arn else {}),
        "ApproximateNumberOfMessagesToMove": len(source.messages),
        "StartedTimestamp": int(unix_time_millis()),
        **_move(backend, source, destination),
    }
    _tasks(backend).append(task)
    return ActionResult({"TaskHandle": str(uuid.uuid4())})


@patch(SQSResponse, "list_message_move_tasks")
def list_message_move_tasks(self: SQSResponse) -> ActionResult:
    """Moto has no ListMessageMoveTasks."""
    source_arn, most = self._get_param("SourceArn"), int(self._get_param("MaxResults") or 1)
    newest_first = [task for task in reversed(_tasks(self.sqs_backend)) if task["SourceArn"] == source_arn]
    return ActionResult({"Results": newest_first[:most]})


def _move(backend: SQSBackend, source: Queue, destination: Queue | None) -> dict[str, Any]:
    """Move every visible message to the destination, or to the queue that SQS took it from; say how that ended."""
    moved = 0
    for message in source.messages:
        target = destination or _queue(backend, getattr(message, "dead_letter_queue_source_arn", None))
        if target is None:
            reason = "CouldNotDetermineMessageSource"
            return {"Status": "FAILED", "FailureReason": reason, "ApproximateNumberOfMessagesMoved": moved}
        source._messages.remove(message)
        source.pending_messages.discard(message)
        target.add_message(_renewed(message, target))
        moved += 1
    return {"Status": "COMPLETED", "ApproximateNumberOfMessagesMoved": moved}


def _renewed(message: Message, destination: Queue) -> Message:
    """Return the message that SQS puts on the destination: a new one with the same content."""
    renewed = Message(str(uuid.uuid4()), message.body, message.system_attributes)
    renewed.message_attributes = dict(message.message_attributes)
    renewed.group_id = message.group_id
    renewed.deduplication_id = message.deduplication_id
    if destination.fifo_queue:
        renewed.sequence_number = next_sequence_number()
    renewed.mark_sent()
    return renewed


def _queue(backend: SQSBackend, arn: str | None) -> Queue | None:
    return next((queue for queue in backend.queues.values() if queue.queue_arn == arn), None)


def _tasks(backend: SQSBackend) -> list[dict[str, Any]]:
    tasks: list[dict[str, Any]] = backend.__dict__.setdefault("message_move_tasks", [])
    return tasks
