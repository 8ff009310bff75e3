"""The event source mapping: polls the queue and invokes the function with batches, as Lambda does.

Its settings are those of the deployed mapping and are read again twice a second, so that
`update_event_source_mapping` pauses, resumes and changes it like the real one.
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

import boto3
from botocore.config import Config

from sandbox.lambda_service.function import MAPPING_ACCESS_KEY_ID, PLATFORM_ACCESS_KEY_ID
from sandbox.lambda_service.runtime_api import Result
from sandbox.lambda_service.sqs_event import failed_message_ids, sqs_event, within_event_limit

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import MessageSystemAttributeNameType
    from mypy_boto3_sqs.type_defs import MessageTypeDef

logger = logging.getLogger("sandbox.mapping")

REFRESH_SECONDS = 0.5
# An empty queue is asked this often. A long poll would take fewer calls, but a pause, and whoever asks whether all has
# settled, would wait for its end.
IDLE_SECONDS = 0.1
_RECEIVE_MAXIMUM = 10


@dataclass(frozen=True)
class Settings:
    """What the deployed mapping says."""

    uuid: str
    queue_arn: str
    batch_size: int = 10
    window_seconds: float = 0.0
    maximum_concurrency: int | None = None
    partial_responses: bool = False
    enabled: bool = True

    @classmethod
    def read(cls, client: LambdaClient, function_name: str) -> Settings:
        """The function's mapping of a queue; LookupError when there is none."""
        mappings = client.list_event_source_mappings(FunctionName=function_name)["EventSourceMappings"]
        for mapping in mappings:
            if ":sqs:" in mapping["EventSourceArn"]:
                return cls(
                    uuid=mapping["UUID"],
                    queue_arn=mapping["EventSourceArn"],
                    batch_size=int(mapping.get("BatchSize") or 10),
                    window_seconds=float(mapping.get("MaximumBatchingWindowInSeconds") or 0),
                    maximum_concurrency=(mapping.get("ScalingConfig") or {}).get("MaximumConcurrency"),
                    partial_responses="ReportBatchItemFailures" in (mapping.get("FunctionResponseTypes") or []),
                    enabled=mapping["State"] in ("Enabled", "Enabling", "Creating", "Updating"),
                )
        raise LookupError(f"{function_name} has no event source mapping for a queue")


class EventSourceMapping:
    """Polls until stopped.

    read_settings: what the mapping says now, see `Settings.read`
    invoke: runs the function on an event
    environments: at most so many batches are under way at a time; the mapping's own limit may be lower
    """

    def __init__(
        self,
        endpoint_url: str,
        read_settings: Callable[[], Settings],
        invoke: Callable[[Any], Result],
        environments: int = 1,
        region: str = "us-east-1",
    ) -> None:
        self._read_settings = read_settings
        self._invoke = invoke
        self._environments = environments
        self._region = region
        self._sqs: SQSClient = _session(MAPPING_ACCESS_KEY_ID, region).client(
            "sqs", endpoint_url=endpoint_url, config=Config(max_pool_connections=environments + 1)
        )
        self.settings = read_settings()
        name = self.settings.queue_arn.rsplit(":", 1)[1]
        # A real mapping knows its queue's URL: this call is not one that its role must allow.
        platform = _session(PLATFORM_ACCESS_KEY_ID, region).client("sqs", endpoint_url=endpoint_url)
        self._queue_url = platform.get_queue_url(QueueName=name)["QueueUrl"]
        # Lambda's poller makes this call with the function's role: made here, so that tests can hold the role to it.
        self._sqs.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=["VisibilityTimeout"])
        self._read_at = time.monotonic()
        self._state = threading.Condition()
        self._under_way = 0
        self._busy_groups: set[str] = set()
        self._in_hand: list[MessageTypeDef] = []  # received while their groups are under way; the poller's own
        self._polling = False
        self._stopped = threading.Event()
        self._pool = ThreadPoolExecutor(environments, thread_name_prefix="mapping")
        self._poller = threading.Thread(target=self._run, name="mapping-poller", daemon=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Begin to poll."""
        self._poller.start()
        return self

    def stop_polling(self) -> None:
        """Take nothing more from the queue; batches under way go on."""
        self._stopped.set()
        with self._state:
            self._state.notify_all()

    def stop(self) -> None:
        """Stop polling and wait for the batches under way. Safe to call twice, and before `start`."""
        self.stop_polling()
        if self._poller.ident is not None:
            self._poller.join()
        self._pool.shutdown()

    @property
    def busy(self) -> bool:
        """True while a batch is collected, in hand or under way."""
        return self._under_way > 0 or self._polling or bool(self._in_hand)

    @property
    def enabled(self) -> bool:
        """What the poller last read."""
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
                # The endpoint restarts, or a queue is deleted: a mapping goes on polling.
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
        names: list[MessageSystemAttributeNameType] = ["All"]
        messages = self._sqs.receive_message(
            QueueUrl=self._queue_url,
            MaxNumberOfMessages=count,
            MessageSystemAttributeNames=names,
            MessageAttributeNames=["All"],
            WaitTimeSeconds=0,
        ).get("Messages", [])
        # SQS hands a message out again once the wait that the function asked for is over, also when the batch that it
        # was in is still under way. Lambda works on one batch of a group at a time. Given back it would come again and
        # again, with a higher receive count each time; in hand it is in flight, and the rest of its group stays back.
        with self._state:
            busy = frozenset(self._busy_groups)
        self._in_hand += [message for message in messages if _group(message) in busy]
        return [message for message in messages if _group(message) not in busy]

    def _ready_in_hand(self, count: int) -> list[MessageTypeDef]:
        """Take what is in hand and whose group is free by now."""
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
            result = self._invoke(sqs_event(messages, self.settings.queue_arn, self._region))
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


def _session(access_key_id: str, region: str) -> boto3.session.Session:
    return boto3.session.Session(access_key_id, "sandbox", region_name=region)
