"""The event source mapping: polls the queue and invokes the function with batches, as Lambda does.

Its settings are those of the deployed mapping. They are read again twice a second, so that
`update_event_source_mapping` pauses, resumes and changes it as on AWS.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from sandbox.aws.callers import MAPPING_ACCESS_KEY_ID, PLATFORM_ACCESS_KEY_ID, client
from sandbox.lambda_service.runtime_api import Result
from sandbox.lambda_service.sqs_event import failed_message_ids, sqs_event, within_event_limit

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import MessageTypeDef

logger = logging.getLogger("sandbox.mapping")

REFRESH_SECONDS = 0.5
# How often an empty queue is asked. A long poll would take fewer calls, but a pause and a check whether everything has
# settled would have to wait for its end.
IDLE_SECONDS = 0.1
_RECEIVE_MAXIMUM = 10


@dataclass(frozen=True)
class Settings:
    """The settings of the deployed mapping."""

    queue_arn: str
    batch_size: int = 10
    window_seconds: float = 0.0
    maximum_concurrency: int | None = None
    partial_responses: bool = False
    enabled: bool = True

    @classmethod
    def read(cls, client: LambdaClient, function_name: str) -> Settings:
        """Read the function's one mapping; ValueError when it has none or several."""
        (mapping,) = client.list_event_source_mappings(FunctionName=function_name)["EventSourceMappings"]
        return cls(
            queue_arn=mapping["EventSourceArn"],
            batch_size=int(mapping.get("BatchSize") or 10),
            window_seconds=float(mapping.get("MaximumBatchingWindowInSeconds") or 0),
            maximum_concurrency=(mapping.get("ScalingConfig") or {}).get("MaximumConcurrency"),
            partial_responses="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or []),
            enabled=mapping["State"] in ("Enabled", "Enabling", "Creating", "Updating"),
        )


class EventSourceMapping:
    """Polls until it is stopped.

    read_settings: returns the mapping's present settings, see `Settings.read`
    invoke: runs the function on an event
    environments: the most batches that are under way at a time; the mapping's own limit may be lower
    """

    def __init__(
        self,
        endpoint_url: str,
        read_settings: Callable[[], Settings],
        invoke: Callable[[Any], Result],
        environments: int = 1,
    ) -> None:
        self._read_settings = read_settings
        self._invoke = invoke
        self._environments = environments
        self._sqs: SQSClient = client("sqs", endpoint_url, MAPPING_ACCESS_KEY_ID, connections=environments + 1)
        self.settings = read_settings()
        name = self.settings.queue_arn.rsplit(":", 1)[1]
        # A mapping on AWS knows its queue's URL, so its role need not allow this call.
        platform: SQSClient = client("sqs", endpoint_url, PLATFORM_ACCESS_KEY_ID)
        self._queue_url = platform.get_queue_url(QueueName=name)["QueueUrl"]
        # Lambda's poller makes this call with the function's role. A test compares the calls with the role.
        self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["VisibilityTimeout"])
        self._read_at = time.monotonic()
        self._state = threading.Condition()
        self._under_way = 0
        self._busy_groups: set[str] = set()
        # Messages that were received while their FIFO group is under way. Only the poller's thread uses them.
        self._in_hand: list[MessageTypeDef] = []
        self._polling = False
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(environments, thread_name_prefix="mapping")
        self._poller = threading.Thread(target=self._run, name="mapping-poller", daemon=True)

    def __enter__(self) -> Self:
        self._poller.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_polling()
        self._poller.join()
        self._pool.shutdown()

    def stop_polling(self) -> None:
        """Receive nothing more from the queue. Batches under way go on."""
        self._stopped.set()
        with self._state:
            self._state.notify_all()

    @property
    def busy(self) -> bool:
        """Whether a batch is collected, in hand or under way."""
        return self._under_way > 0 or self._polling or bool(self._in_hand)

    @property
    def enabled(self) -> bool:
        """Whether the mapping was enabled when the poller last read its settings."""
        return self.settings.enabled

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until no batch is under way; False when `timeout` seconds did not suffice."""
        with self._state:
            return self._state.wait_for(lambda: not self.busy, timeout)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._refresh()
                active = self.settings.enabled or self._in_hand
                nothing_to_do = not active or (self._wait_for_slot() and not self._poll_once())
                if nothing_to_do:
                    self._stopped.wait(IDLE_SECONDS)
            except Exception:
                # The endpoint was restarted, or the queue was deleted: a mapping goes on polling.
                if not self._stopped.is_set():
                    logger.warning("polling failed, trying again", exc_info=True)
                    self._stopped.wait(REFRESH_SECONDS)

    def _refresh(self) -> None:
        if time.monotonic() - self._read_at >= REFRESH_SECONDS:
            self.settings = self._read_settings()
            self._read_at = time.monotonic()

    def _wait_for_slot(self) -> bool:
        limit = min(self._environments, self.settings.maximum_concurrency or self._environments)
        with self._state:
            return self._state.wait_for(lambda: self._under_way < limit or self._stopped.is_set(), REFRESH_SECONDS)

    def _poll_once(self) -> bool:
        """Collect one batch and start it; False when there is nothing to start."""
        with self._state:
            self._polling = True
        try:
            batch = self._collect()
            for part in within_event_limit(batch):
                self._start(part)
            return bool(batch)
        finally:
            with self._state:
                self._polling = False
                self._state.notify_all()

    def _collect(self) -> list[MessageTypeDef]:
        size, window = self.settings.batch_size, self.settings.window_seconds
        if ready := self._ready_in_hand(size):
            return ready
        batch: list[MessageTypeDef] = []
        deadline = 0.0
        while self.settings.enabled and not self._stopped.is_set():
            received = self._receive(min(_RECEIVE_MAXIMUM, size - len(batch)))
            if received and not batch:
                deadline = time.monotonic() + window  # the window opens with the batch's first message
            batch += received
            if not batch or len(batch) >= size or time.monotonic() >= deadline:
                break
            if len(received) < _RECEIVE_MAXIMUM:
                self._stopped.wait(min(IDLE_SECONDS, max(0.0, deadline - time.monotonic())))
        return batch

    def _receive(self, count: int) -> list[MessageTypeDef]:
        messages = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=count,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
        ).get("Messages", [])
        # SQS delivers a message again when the wait that the function asked for is over, even if the batch that the
        # message was in is still under way. Lambda works on one batch of a FIFO group at a time. If the message were
        # given back, it would come again and again, with a higher receive count each time. In hand it is in flight, and
        # SQS keeps back the rest of its group.
        with self._state:
            busy = frozenset(self._busy_groups)
        self._in_hand += [message for message in messages if _group(message) in busy]
        return [message for message in messages if _group(message) not in busy]

    def _ready_in_hand(self, count: int) -> list[MessageTypeDef]:
        """Take the messages in hand whose group is no longer under way."""
        with self._state:
            ready = [message for message in self._in_hand if _group(message) not in self._busy_groups][:count]
        self._in_hand = [message for message in self._in_hand if message not in ready]
        return ready

    def _start(self, messages: list[MessageTypeDef]) -> None:
        groups = {group for message in messages if (group := _group(message))}
        with self._state:
            self._under_way += 1
            self._busy_groups |= groups
        self._pool.submit(self._process, messages, groups)

    def _process(self, messages: Sequence[MessageTypeDef], groups: set[str]) -> None:
        try:
            result = self._invoke(sqs_event(messages, self.settings.queue_arn))
            ids = [message["MessageId"] for message in messages]
            failed = failed_message_ids(result, ids, partial_responses=self.settings.partial_responses)
            self._delete([message for message in messages if message["MessageId"] not in failed])
        except Exception:
            if not self._stopped.is_set():
                logger.warning("a batch could not be finished and becomes visible again", exc_info=True)
        finally:
            with self._state:
                self._under_way -= 1
                self._busy_groups -= groups
                self._state.notify_all()

    def _delete(self, messages: Sequence[MessageTypeDef]) -> None:
        for start in range(0, len(messages), _RECEIVE_MAXIMUM):
            answer = self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                    for index, message in enumerate(messages[start : start + _RECEIVE_MAXIMUM])
                ],
            )
            for failure in answer.get("Failed", []):
                logger.warning("a message was not deleted: %s", failure.get("Code"))


def _group(message: MessageTypeDef) -> str | None:
    attributes: Mapping[Any, str] = message.get("Attributes", {})
    return attributes.get("MessageGroupId")
