"""Outcomes -> where messages go: acknowledged, dead-lettered, or back to the queue."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from message_sender import dead_letter
from message_sender.aws import AWS_ERRORS, CALL_SECONDS, error_code, failures
from message_sender.clock import Clock
from message_sender.envelope import IDEMPOTENCY_KEY, Delivery
from message_sender.observability import Metric, Observer
from message_sender.outcome import Accepted, Deferred, Outcome, Rejected, Route, Unknown
from message_sender.retries import wait_seconds
from message_sender.settings import Settings
from message_sender.sqs_limits import (
    BATCH_ENTRIES,
    LONGEST_DELAY_SECONDS,
    SendEntry,
    chunks,
    fifo_id,
    is_allowed,
    numbered,
)

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class StrandedError(RuntimeError):
    """A direct invocation left a message that could be put nowhere: left to Lambda's retries and destination."""


@dataclass(frozen=True, slots=True)
class Routed:
    """One delivery, what became of it, and where it went."""

    delivery: Delivery
    outcome: Outcome
    route: Route


class Router:
    """Puts messages where their outcomes say. A write that fails strands a message; it never loses it."""

    def __init__(self, sqs: "SQSClient", settings: Settings, observer: Observer, clock: Clock = time) -> None:
        self._sqs, self._settings, self._observer, self._clock = sqs, settings, observer, clock

    def route(self, pairs: Sequence[tuple[Delivery, Outcome]], ends: float) -> list[Routed]:
        """Route deliveries by their outcomes; the result is in no particular order.

        What there is no time for before the invocation `ends` (of the monotonic clock) is stranded: ended without its
        response, all of its messages would be delivered again.
        """
        until = ends - CALL_SECONDS
        acknowledged: list[Routed] = []
        dead: list[tuple[Delivery, Rejected | Unknown]] = []
        queued: list[tuple[Delivery, Deferred]] = []
        direct: list[tuple[Delivery, Deferred]] = []
        for delivery, outcome in pairs:
            if isinstance(outcome, Accepted):
                acknowledged.append(Routed(delivery, outcome, Route.ACKNOWLEDGED))
            elif isinstance(outcome, Deferred):
                (queued if delivery.record else direct).append((delivery, outcome))
            else:
                dead.append((delivery, outcome))
        return [
            *acknowledged,
            *self._dead_letter(dead, until),
            *self._enqueue(direct, until),
            *self._postpone(queued, until),
        ]

    def _dead_letter(self, pairs: Sequence[tuple[Delivery, Rejected | Unknown]], until: float) -> Iterator[Routed]:
        url, now = self._settings.dead_letter_queue_url, self._clock.time()
        letters = [dead_letter.entry(*pair, now, fifo=url.endswith(".fifo")) for pair in pairs]
        failed = self._send(url, letters, until)
        for position, (delivery, outcome) in enumerate(pairs):
            if position in failed:
                self._observer.count(Metric.DEAD_LETTER_FAILURES)
            yield Routed(delivery, outcome, Route.STRANDED if position in failed else Route.DEAD_LETTERED)

    def _postpone(self, pairs: Sequence[tuple[Delivery, Deferred]], until: float) -> list[Routed]:
        """Leave them in the queue, invisible for their backoff; where that fails, for the visibility timeout."""
        entries = [
            {"ReceiptHandle": delivery.record.receipt_handle, "VisibilityTimeout": wait_seconds(delivery, outcome)}
            for delivery, outcome in pairs
            if delivery.record
        ]
        url = self._settings.message_queue_url
        for start in range(0, len(entries), BATCH_ENTRIES):
            chunk = entries[start : start + BATCH_ENTRIES]
            change = partial(self._sqs.change_message_visibility_batch, QueueUrl=url, Entries=numbered(chunk))
            self._call("the wait of a message could not be set", change, len(chunk), until)
        return [Routed(delivery, outcome, Route.RETURNED) for delivery, outcome in pairs]

    def _enqueue(self, pairs: Sequence[tuple[Delivery, Deferred]], until: float) -> Iterator[Routed]:
        """Put what came by direct invocation on the queue, so that both ways share one path for retries."""
        url = self._settings.message_queue_url
        failed = self._send(url, [_queued(*pair, fifo=url.endswith(".fifo")) for pair in pairs], until)
        for position, (delivery, outcome) in enumerate(pairs):
            yield Routed(delivery, outcome, Route.STRANDED if position in failed else Route.RETURNED)

    def _send(self, url: str, messages: Sequence[SendEntry], until: float) -> set[int]:
        """Send messages in as few calls as SQS allows; return the positions of those that it did not take."""
        failed: set[int] = set()
        start = 0
        for chunk in chunks(messages):
            send = partial(self._sqs.send_message_batch, QueueUrl=url, Entries=numbered(chunk))
            refused = self._call("a message could not be written", send, len(chunk), until)
            failed |= {start + position for position in refused}
            start += len(chunk)
        return failed

    def _call(
        self,
        problem: str,
        call: Callable[[], Mapping[str, Any]],  # Any: each batch call has a type of its own
        entries: int,
        until: float,
    ) -> set[int]:
        """Make one batch call; return the positions that are not known to be done."""
        if self._clock.monotonic() > until:
            self._observer.problem(problem, aws_error="NotTried", entries=entries)
            return set(range(entries))
        try:
            failed = failures(call(), entries)
        except AWS_ERRORS as error:
            self._observer.problem(problem, aws_error=error_code(error), entries=entries)
            return set(range(entries))
        for code in failed.values():
            self._observer.problem(problem, aws_error=code, entries=1)
        return set(failed)


def response(results: Sequence[Routed]) -> dict[str, list[dict[str, str]]]:
    """Make the partial batch response: everything that is not where it belongs stays in the queue.

    Raises:
        StrandedError: a message of a direct invocation is nowhere.
    """
    back = [result for result in results if result.route in (Route.RETURNED, Route.STRANDED)]
    if any(result.route is Route.STRANDED and not result.delivery.record for result in back):
        raise StrandedError("a message could be written neither to its queue nor to the dead-letter queue: see the log")
    return {"batchItemFailures": [{"itemIdentifier": result.delivery.id} for result in back if result.delivery.record]}


def _queued(delivery: Delivery, deferred: Deferred, *, fifo: bool) -> SendEntry:
    message: SendEntry = {"MessageBody": delivery.body}
    if is_allowed(delivery.key):  # otherwise the body says it again
        message["MessageAttributes"] = {IDEMPOTENCY_KEY: {"DataType": "String", "StringValue": delivery.key}}
    if fifo:  # has no delay of its own
        # By the body too: of two messages with one key SQS would drop the second, and the conflict with it.
        message["MessageDeduplicationId"] = fifo_id(f"{delivery.key}:{delivery.body}")
        message["MessageGroupId"] = fifo_id(delivery.key)
    else:
        message["DelaySeconds"] = min(LONGEST_DELAY_SECONDS, wait_seconds(delivery, deferred))
    return message
