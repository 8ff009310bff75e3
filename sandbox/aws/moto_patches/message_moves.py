"""SQS message move tasks (dead-letter redrive), which moto does not have."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from dataclasses import dataclass, field
from typing import Any

from moto.core.responses import ActionResult
from moto.core.utils import unix_time_millis
from moto.sqs.exceptions import SQSException
from moto.sqs.models import Message, Queue, SQSBackend
from moto.sqs.responses import SQSResponse

from sandbox.aws.moto_patches.registry import patch
from sandbox.aws.moto_patches.serialising import MOTO
from sandbox.aws.moto_patches.sqs import next_sequence_number

_MOST_PER_SECOND = 500
_FINISHED = ("COMPLETED", "FAILED", "CANCELLED")


@dataclass
class MoveTask:
    """One task; its fields are those that ListMessageMoveTasks returns."""

    backend: SQSBackend
    source: Queue
    destination: Queue | None
    per_second: int | None
    to_move: int
    moved: int = 0
    status: str = "RUNNING"
    failure: str | None = None
    started: int = field(default_factory=lambda: int(unix_time_millis()))
    handle: str = ""
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        content = json.dumps({"taskId": str(uuid.uuid4()), "sourceArn": self.source.queue_arn})
        self.handle = base64.b64encode(content.encode()).decode()

    def run(self) -> None:
        """Move messages until none is left, the task is cancelled or a message has no known source."""
        pause = 1 / (self.per_second or _MOST_PER_SECOND)
        while not self.cancelled.wait(pause):
            with MOTO:
                if not self._move_one():
                    return
        with MOTO:
            self.status = "CANCELLED"

    def describe(self) -> dict[str, Any]:
        """Return the task as ListMessageMoveTasks shows it."""
        found = {
            "TaskHandle": self.handle if self.status == "RUNNING" else None,
            "Status": self.status,
            "SourceArn": self.source.queue_arn,
            "DestinationArn": self.destination.queue_arn if self.destination else None,
            "MaxNumberOfMessagesPerSecond": self.per_second,
            "ApproximateNumberOfMessagesMoved": self.moved,
            "ApproximateNumberOfMessagesToMove": self.to_move,
            "FailureReason": self.failure,
            "StartedTimestamp": self.started,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _move_one(self) -> bool:
        message = next(iter(self.source.messages), None)
        if message is None or self.moved >= self.to_move:
            self.status = "COMPLETED"
            return False
        destination = self.destination or self._home(message)
        if destination is None:
            self.status, self.failure = "FAILED", "CouldNotDetermineMessageSource"
            return False
        self.source._messages.remove(message)
        self.source.pending_messages.discard(message)
        destination.add_message(_renewed(message, destination))
        self.moved += 1
        return True

    def _home(self, message: Message) -> Queue | None:
        arn = getattr(message, "dead_letter_queue_source_arn", None)
        return _queue(self.backend, arn) if arn else None


def _renewed(message: Message, destination: Queue) -> Message:
    """Return what SQS puts on the destination: the same content as a new message."""
    renewed = Message(str(uuid.uuid4()), message.body, message.system_attributes)
    renewed.message_attributes = dict(message.message_attributes)
    renewed.group_id = message.group_id
    renewed.deduplication_id = message.deduplication_id
    if destination.fifo_queue:
        renewed.sequence_number = next_sequence_number()
    renewed.mark_sent()
    return renewed


def _queue(backend: SQSBackend, arn: str) -> Queue | None:
    return next((queue for queue in backend.queues.values() if queue.queue_arn == arn), None)


def _tasks(backend: SQSBackend) -> list[MoveTask]:
    tasks: list[MoveTask] = backend.__dict__.setdefault("message_move_tasks", [])
    return tasks


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
    if any(task.source is source and task.status == "RUNNING" for task in _tasks(backend)):
        raise SQSException(
            "AWS.SimpleQueueService.UnsupportedOperation",
            "There is already a task running. Only one active task is allowed for a source queue arn at a given time.",
        )
    per_second = self._get_param("MaxNumberOfMessagesPerSecond")
    task = MoveTask(backend, source, destination, per_second, to_move=len(source.messages))
    _tasks(backend).append(task)
    threading.Thread(target=task.run, name="message-move-task", daemon=True).start()
    return ActionResult({"TaskHandle": task.handle})


@patch(SQSResponse, "list_message_move_tasks")
def list_message_move_tasks(self: SQSResponse) -> ActionResult:
    """Moto has no ListMessageMoveTasks."""
    source_arn = self._get_param("SourceArn")
    most = int(self._get_param("MaxResults") or 1)
    newest_first = [task for task in reversed(_tasks(self.sqs_backend)) if task.source.queue_arn == source_arn]
    return ActionResult({"Results": [task.describe() for task in newest_first[:most]]})


@patch(SQSResponse, "cancel_message_move_task")
def cancel_message_move_task(self: SQSResponse) -> ActionResult:
    """Moto has no CancelMessageMoveTask."""
    handle = self._get_param("TaskHandle")
    task = next((task for task in _tasks(self.sqs_backend) if task.handle == handle), None)
    if task is None or task.status in _FINISHED:
        raise SQSException("ResourceNotFoundException", "Task does not exist.")
    task.cancelled.set()
    task.status = "CANCELLING"
    return ActionResult({"ApproximateNumberOfMessagesMoved": task.moved})
