"""Outcome events: which are published, when nobody is waited for any more, and what a bus may answer."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from message_sender.aws import CALL_SECONDS
from message_sender.envelope import Delivery
from message_sender.observability import Metric, Observer
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Route, Unknown
from message_sender.reporting import Reporter
from message_sender.routing import Routed
from tests.support.clock import FakeClock


@dataclass
class FakeBus:
    """EventBridge; each call takes as long as it is told, and is answered as it is told."""

    clock: FakeClock
    seconds: float = 0
    error: Exception | None = None
    answer: Any = None
    events: list[dict[str, Any]] = field(default_factory=list)
    calls: int = 0

    def put_events(self, Entries: list[dict[str, Any]]) -> Any:  # noqa: N803 - boto3's name
        """Take events."""
        self.calls += 1
        self.clock.now += self.seconds
        if self.error:
            raise self.error
        self.events += Entries
        return self.answer if self.answer is not None else {"Entries": [{"EventId": "1"} for _ in Entries]}


class CountingObserver(Observer):
    """Counts, and writes nothing."""

    def __init__(self) -> None:
        self.counted: list[tuple[Metric, str]] = []

    def count(self, metric: Metric, code: str = "") -> None:
        """Note it."""
        self.counted.append((metric, code))

    def problem(self, what_happened: str, **keys: Any) -> None:
        """Say nothing."""

    def message(self, what_happened: str, *, needs_attention: bool, **keys: Any) -> None:
        """Say nothing."""


def results(count: int, outcome: Outcome = Accepted("1"), route: Route = Route.ACKNOWLEDGED) -> list[Routed]:  # noqa: B008
    """So many deliveries that ended alike."""
    return [Routed(Delivery(f"m-{number}", "sqs", "{}", f"k-{number}"), outcome, route) for number in range(count)]


def publish(bus: FakeBus, routed: list[Routed], seconds: float = 60) -> int:
    """Publish with so many seconds left; how many events are counted as not published."""
    observer = CountingObserver()
    Reporter(observer, cast(Any, bus), "bus", bus.clock).publish(routed, bus.clock.now + seconds)
    return observer.counted.count((Metric.OUTCOME_EVENT_FAILURES, ""))


@pytest.mark.parametrize(
    ("outcome", "route", "events"),
    [
        (Accepted("1"), Route.ACKNOWLEDGED, 1),
        (Rejected(ErrorCode.EXPIRED, ""), Route.DEAD_LETTERED, 1),
        (Unknown(""), Route.DEAD_LETTERED, 1),
        (Rejected(ErrorCode.EXPIRED, ""), Route.STRANDED, 0),
        (Unknown(""), Route.STRANDED, 0),
        (Deferred(ErrorCode.API_THROTTLED, ""), Route.RETURNED, 0),
    ],
)
def test_only_what_is_finished_is_told(outcome: Outcome, route: Route, events: int) -> None:
    """What could not be dead-lettered comes again: its owner hears of it then."""
    bus = FakeBus(FakeClock())

    assert publish(bus, results(1, outcome, route)) == 0
    assert len(bus.events) == events


def test_an_unreachable_bus_is_asked_once() -> None:
    """Fifty messages are five calls: one that fails is enough."""
    bus = FakeBus(FakeClock(), error=EndpointConnectionError(endpoint_url="events"))

    assert publish(bus, results(50)) == 50
    assert bus.calls == 1


@pytest.mark.parametrize(("seconds", "calls"), [(CALL_SECONDS - 0.1, 0), (CALL_SECONDS + 0.1, 1), (12, 3)])
def test_no_call_outlasts_the_invocation(seconds: float, calls: int) -> None:
    """Without its response, the whole invocation would be delivered again for the sake of an event."""
    bus = FakeBus(FakeClock(), seconds=CALL_SECONDS)

    assert publish(bus, results(50), seconds) == 50 - 10 * calls
    assert bus.calls == calls


@pytest.mark.parametrize(
    ("answer", "failures"),
    [
        ({}, 3),
        ({"Entries": []}, 3),
        ({"Entries": [{"EventId": "1"}]}, 2),
        ({"Entries": [{"EventId": "1"}, {"ErrorCode": "ThrottlingException"}, {}]}, 2),
        ({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}] * 3}, 0),
    ],
)
def test_only_an_event_id_says_that_an_event_was_taken(answer: Any, failures: int) -> None:
    """That nothing is named as failed says nothing."""
    assert publish(FakeBus(FakeClock(), answer=answer), results(3)) == failures


@pytest.mark.parametrize(
    ("outcome", "route"),
    [
        (Unknown(""), Route.DEAD_LETTERED),
        (Unknown("", earlier=True), Route.DEAD_LETTERED),
        (Deferred(ErrorCode.OUTCOME_UNKNOWN, ""), Route.RETURNED),
        (Rejected(ErrorCode.RETRIES_EXHAUSTED, "", ErrorCode.OUTCOME_UNKNOWN), Route.DEAD_LETTERED),
    ],
)
def test_an_unknown_outcome_is_counted_whichever_way_it_goes(outcome: Outcome, route: Route) -> None:
    """With `UnknownOutcome=retry` too, also when its retries are exhausted: the alarm does not go quiet."""
    observer = CountingObserver()

    Reporter(observer).record(results(1, outcome, route)[0])

    assert observer.counted.count((Metric.UNKNOWN_OUTCOMES, "")) == 1
