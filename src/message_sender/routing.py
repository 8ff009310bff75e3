"""Outcomes -> where messages go: acknowledged, dead-lettered, or back to the queue; and the outcome events about it."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from message_sender import dead_letter
from message_sender.aws import error_code
from message_sender.batch import Routed
from message_sender.envelope import IDEMPOTENCY_KEY, Delivery
from message_sender.observability import Metric, Observer
from message_sender.outcome import Accepted, Deferred, Outcome, Route
from message_sender.retries import wait_seconds
from message_sender.settings import Settings
from message_sender.sqs_limits import LONGEST_DELAY_SECONDS, chunks, fifo_id, is_allowed, numbered

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sqs import SQSClient

_ONE_CALL_SECONDS = 5.0
"""More than one AWS call takes with its second try and their timeouts (aws.py)."""

EVENT_SOURCE = "sociocs.message-sender"


class StrandedError(RuntimeError):
    """A direct invocation left a message that could be put nowhere: left to Lambda's retries and destination."""


class Router:
    """Puts messages where their outcomes say. A write that fails strands a message; it never loses it."""

    def __init__(
        self, sqs: "SQSClient", events: "EventBridgeClient | None", settings: Settings, observer: Observer
    ) -> None:
        """Wire a router; without `events` no outcome event is published."""
        self._sqs, self._events, self._settings, self._observer = sqs, events, settings, observer

    def route(self, pairs: Sequence[tuple[Delivery, Outcome]], ends: float) -> list[Routed]:
        """Route deliveries by their outcomes; the result is in no particular order.

        What there is no time for before the invocation `ends` (of `time.monotonic`) is stranded: ended without its
        response, all of its messages would be delivered again.
        """
        until = ends - _ONE_CALL_SECONDS
        accepted = [pair for pair in pairs if isinstance(pair[1], Accepted)]
        deferred = [(delivery, outcome) for delivery, outcome in pairs if isinstance(outcome, Deferred)]
        dead = [pair for pair in pairs if not isinstance(pair[1], Accepted | Deferred)]
        return [
            *(Routed(delivery, outcome, Route.ACKNOWLEDGED) for delivery, outcome in accepted),
            *self._dead_letter(dead, until),
            *self._enqueue([pair for pair in deferred if not pair[0].record], until),
            *self._postpone([pair for pair in deferred if pair[0].record], until),
        ]

    def _dead_letter(self, pairs: Sequence[tuple[Delivery, Any]], until: float) -> Iterator[Routed]:
        url = self._settings.dead_letter_queue_url
        letters = [dead_letter.entry(delivery, outcome, fifo=url.endswith(".fifo")) for delivery, outcome in pairs]
        failed = self._send(url, letters, until)
        for position, (delivery, outcome) in enumerate(pairs):
            if position in failed:
                self._observer.count(Metric.DEAD_LETTER_FAILURES)
            yield Routed(delivery, outcome, Route.STRANDED if position in failed else Route.DEAD_LETTERED)

    def _postpone(self, pairs: Sequence[tuple[Delivery, Deferred]], until: float) -> Iterator[Routed]:
        """Leave them in the queue, invisible for their backoff; where that fails, for the visibility timeout."""
        entries = [
            {"ReceiptHandle": d.record.receipt_handle, "VisibilityTimeout": wait_seconds(d, outcome)}
            for d, outcome in pairs
            if d.record
        ]
        url = self._settings.message_queue_url
        for chunk in chunks(entries):
            change = partial(self._sqs.change_message_visibility_batch, QueueUrl=url, Entries=numbered(chunk))
            self._call("the wait of a message could not be set", change, len(chunk), until)
        return (Routed(delivery, outcome, Route.RETURNED) for delivery, outcome in pairs)

    def _enqueue(self, pairs: Sequence[tuple[Delivery, Deferred]], until: float) -> Iterator[Routed]:
        """Put what came by direct invocation on the queue, so that both ways share one path for retries."""
        url = self._settings.message_queue_url
        failed = self._send(url, [_queued(*pair, fifo=url.endswith(".fifo")) for pair in pairs], until)
        for position, (delivery, outcome) in enumerate(pairs):
            yield Routed(delivery, outcome, Route.STRANDED if position in failed else Route.RETURNED)

    def _send(self, url: str, messages: Sequence[dict[str, Any]], until: float) -> set[int]:
        """Send messages in as few calls as SQS allows; return the positions of those that it did not take."""
        failed: set[int] = set()
        start = 0
        for chunk in chunks(messages):
            send = partial(self._sqs.send_message_batch, QueueUrl=url, Entries=numbered(chunk))
            refused = self._call("a message could not be written", send, len(chunk), until)
            failed |= {start + position for position in refused}
            start += len(chunk)
        return failed

    def _call(self, problem: str, call: Callable[[], Any], entries: int, until: float) -> set[int]:
        """Make one batch call; return the positions that failed, which is all of them when the call itself did."""
        if time.monotonic() > until:
            self._observer.problem(problem, aws_error="NotTried", entries=entries)
            return set(range(entries))
        try:
            failed = call().get("Failed", [])
        except (ClientError, BotoCoreError) as error:
            self._observer.problem(problem, aws_error=error_code(error), entries=entries)
            return set(range(entries))
        for entry in failed:
            self._observer.problem(problem, aws_error=entry["Code"], entries=1)
        return {int(entry["Id"]) for entry in failed}

    def publish(self, results: Sequence[Routed], seconds_left: float) -> None:
        """Publish one outcome event for each message that is finished. A failure changes nothing for the message.

        Gives up at the first call that fails and when time runs short: an invocation that ends without its response
        would have all of its messages delivered again.
        """
        if not self._events:
            return
        until = time.monotonic() + seconds_left - _ONE_CALL_SECONDS
        reachable = True
        finished = [result for result in results if result.route in (Route.ACKNOWLEDGED, Route.DEAD_LETTERED)]
        entries = [_outcome_event(result, self._settings.outcome_event_bus_name) for result in finished]
        for chunk in chunks(entries):
            if not reachable or time.monotonic() > until:
                self._not_published(["NotTried"] * len(chunk))
                continue
            try:
                answers = self._events.put_events(Entries=chunk)["Entries"]  # type: ignore[arg-type]  # a plain dict
                failed = [answer.get("ErrorCode", "") for answer in answers if answer.get("ErrorCode")]
            except (ClientError, BotoCoreError) as error:
                failed, reachable = [error_code(error)] * len(chunk), False
            self._not_published(failed)

    def _not_published(self, codes: Sequence[str]) -> None:
        for code in codes:
            self._observer.count(Metric.OUTCOME_EVENT_FAILURES)
            self._observer.problem("an outcome event could not be published", aws_error=code)


def response(results: Sequence[Routed]) -> dict[str, Any]:
    """Make the partial batch response: everything that is not where it belongs stays in the queue.

    Raises:
        StrandedError: a message of a direct invocation is nowhere.
    """
    back = [result for result in results if result.route in (Route.RETURNED, Route.STRANDED)]
    if any(result.route is Route.STRANDED and not result.delivery.record for result in back):
        raise StrandedError("a message could be written neither to its queue nor to the dead-letter queue: see the log")
    return {"batchItemFailures": [{"itemIdentifier": result.delivery.id} for result in back if result.delivery.record]}


def _queued(delivery: Delivery, deferred: Deferred, *, fifo: bool) -> dict[str, Any]:
    key = {IDEMPOTENCY_KEY: {"DataType": "String", "StringValue": delivery.key}}
    message: dict[str, Any] = {"MessageBody": delivery.body}
    if is_allowed(delivery.key):
        message["MessageAttributes"] = key  # otherwise the body says it again
    if fifo:  # has no delay of its own
        # By the body too: of two messages with one key SQS would drop the second, and the conflict with it.
        deduplication = fifo_id(f"{delivery.key}:{delivery.body}")
        return message | {"MessageGroupId": fifo_id(delivery.key), "MessageDeduplicationId": deduplication}
    return message | {"DelaySeconds": min(LONGEST_DELAY_SECONDS, wait_seconds(delivery, deferred))}


def _outcome_event(result: Routed, bus: str) -> dict[str, Any]:
    delivery, outcome = result.delivery, result.outcome
    accepted = isinstance(outcome, Accepted)
    detail = {
        "message_id": outcome.message_id if isinstance(outcome, Accepted) else None,
        "duplicate": outcome.duplicate if isinstance(outcome, Accepted) else None,
        "code": None if isinstance(outcome, Accepted) else outcome.code,
        "reason": None if isinstance(outcome, Accepted) else outcome.reason,
        "last_code": getattr(outcome, "last_code", None),
        "reference": delivery.reference,
        "idempotency_key": delivery.key[:256],
        "provider": delivery.provider,
        "envelope": delivery.envelope,
        "delivery_id": delivery.id,
        "attempts": delivery.receives,
    }
    return {
        "Source": EVENT_SOURCE,
        "DetailType": "Message Accepted" if accepted else "Message Failed",
        "Detail": json.dumps({name: value for name, value in detail.items() if value is not None}),
        "EventBusName": bus,
    }
