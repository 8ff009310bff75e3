"""One description of a result, for the log line, the metrics and the outcome event."""

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from message_sender.aws import AWS_ERRORS, CALL_SECONDS, error_code
from message_sender.clock import Clock
from message_sender.dead_letter import timestamp
from message_sender.observability import Metric, Observer
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Route, Unknown
from message_sender.routing import Routed
from message_sender.sqs_limits import BATCH_ENTRIES

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef, PutEventsResultEntryTypeDef

EVENT_SOURCE = "sociocs.message-sender"
_LONGEST_KEY_SHOWN = 256


def description(outcome: Outcome) -> dict[str, object]:
    """Describe an outcome in the words of the log and of outcome events; what it does not have is left out."""
    match outcome:
        case Accepted(message_id, duplicate):
            return {"message_id": message_id, "duplicate": duplicate}
        case Rejected(code, reason, last_code):
            described: dict[str, object] = {"code": code, "reason": reason}
            return described | ({"last_code": last_code} if last_code else {})
        case Deferred(code, reason):
            return {"code": code, "reason": reason}
        case Unknown(reason, attempted_at=attempted_at):
            described = {"code": outcome.code, "reason": reason}
            return described | ({"attempted_at": timestamp(attempted_at)} if attempted_at is not None else {})


def delivery_description(result: Routed) -> dict[str, object]:
    """Describe a delivery in the words of the log and of outcome events."""
    delivery = result.delivery
    described = {
        "reference": delivery.reference,
        "idempotency_key": delivery.key[:_LONGEST_KEY_SHOWN],
        "provider": delivery.provider,
        "envelope": delivery.envelope,
        "attempts": delivery.receives,
    }
    return {name: value for name, value in described.items() if value is not None}


class Reporter:
    """Says what became of each message: one log line, its metrics, and one outcome event."""

    def __init__(
        self, observer: Observer, events: "EventBridgeClient | None" = None, bus: str = "", clock: Clock = time
    ) -> None:
        """Wire a reporter; without `events` no outcome event is published to the `bus`."""
        self._observer, self._events, self._bus, self._clock = observer, events, bus, clock

    def record(self, result: Routed) -> None:
        """Write the log line and count the metrics of one message."""
        self._count(result)
        outcome, delivery = result.outcome, result.delivery
        described = description(outcome)
        if isinstance(outcome, Accepted):  # on a line `message_id` is that of the delivery
            described["sociocs_message_id"] = described.pop("message_id")
        self._observer.message(
            f"message {type(outcome).__name__.lower()}",
            needs_attention=not isinstance(outcome, Accepted | Deferred),
            message_id=delivery.id,
            correlation_id=delivery.reference or delivery.key[:_LONGEST_KEY_SHOWN],
            route=result.route,
            **delivery_description(result),
            **described,
        )

    def _count(self, result: Routed) -> None:
        outcome, observer = result.outcome, self._observer
        sent_at = result.delivery.record.sent_at if result.delivery.record else None
        now = self._clock.time()
        if isinstance(outcome, Accepted):
            observer.count(Metric.DUPLICATES if outcome.duplicate else Metric.ACCEPTED)
            if sent_at is not None and not outcome.duplicate:
                observer.time(Metric.END_TO_END_LATENCY, now - sent_at)
            return
        if ErrorCode.OUTCOME_UNKNOWN in (outcome.code, getattr(outcome, "last_code", None)):
            observer.count(Metric.UNKNOWN_OUTCOMES)
        if result.route is not Route.STRANDED:
            is_deferred = isinstance(outcome, Deferred)
            observer.count(Metric.DEFERRED if is_deferred else Metric.DEAD_LETTERED, outcome.code)
            if is_deferred and sent_at is not None:
                observer.time(Metric.RETRIED_AGE, now - sent_at)

    def publish(self, results: Sequence[Routed], ends: float) -> None:
        """Publish one outcome event for each message that is finished. A failure changes nothing for the message.

        Stops at the first call that fails and when time runs short: an invocation that ends without its response would
        have all of its messages delivered again.

        Args:
            results: of the invocation.
            ends: of the monotonic clock: when the invocation does.
        """
        if not self._events:
            return
        finished = [result for result in results if result.route in (Route.ACKNOWLEDGED, Route.DEAD_LETTERED)]
        reachable = True
        for start in range(0, len(finished), BATCH_ENTRIES):
            chunk = [_outcome_event(result, self._bus) for result in finished[start : start + BATCH_ENTRIES]]
            if not reachable or self._clock.monotonic() > ends - CALL_SECONDS:
                self._not_published(["NotTried"] * len(chunk))
                continue
            try:
                answers = self._events.put_events(Entries=chunk).get("Entries") or []
                self._not_published(_failed(answers, len(chunk)))
            except AWS_ERRORS as error:
                reachable = False
                self._not_published([error_code(error)] * len(chunk))

    def _not_published(self, codes: Sequence[str]) -> None:
        for code in codes:
            self._observer.count(Metric.OUTCOME_EVENT_FAILURES)
            self._observer.problem("an outcome event could not be published", aws_error=code)


def _failed(answers: "Sequence[PutEventsResultEntryTypeDef]", entries: int) -> list[str]:
    """Return the code of each entry that is not known to be published: only an event id says that it is."""
    codes = [answer.get("ErrorCode") or "NotNamed" for answer in answers[:entries] if not answer.get("EventId")]
    return codes + ["NotNamed"] * (entries - len(answers))


def _outcome_event(result: Routed, bus: str) -> "PutEventsRequestEntryTypeDef":
    detail = description(result.outcome) | delivery_description(result) | {"delivery_id": result.delivery.id}
    return {
        "Source": EVENT_SOURCE,
        "DetailType": "Message Accepted" if isinstance(result.outcome, Accepted) else "Message Failed",
        "Detail": json.dumps(detail),
        "EventBusName": bus,
    }
