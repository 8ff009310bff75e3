"""Many deliveries -> where each went: side by side, at the API's pace, FIFO groups in order, within the time left."""

import random
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from message_sender.envelope import Delivery
from message_sender.observability import Observer
from message_sender.outcome import Deferred, ErrorCode, Outcome, Route, Unknown
from message_sender.retries import or_exhausted
from message_sender.sending import Admit
from message_sender.settings import Settings

T = TypeVar("T")
R = TypeVar("R")

RESERVE_SECONDS = 12.0
"""Of the function's time: for three AWS calls that hang, 4 s each with a second try (aws.py)."""

_TRIPPING = {
    ErrorCode.API_THROTTLED,
    ErrorCode.API_UNAUTHORIZED,
    ErrorCode.API_MISCONFIGURED,
    ErrorCode.API_UNAVAILABLE,
    ErrorCode.API_UNREACHABLE,
    ErrorCode.DEPENDENCY_UNAVAILABLE,
    ErrorCode.OUTCOME_UNKNOWN,
}
"""What one message learnt and every other would learn again."""


@dataclass(frozen=True, slots=True)
class Routed:
    """One delivery, what became of it, and where it went."""

    delivery: Delivery
    outcome: Outcome
    route: Route


Send = Callable[..., Outcome]
"""`Sender.send`."""
RouteAll = Callable[[Sequence[tuple[Delivery, Outcome]], float], list[Routed]]
"""`Router.route`."""


class Pace:
    """Spaces the sends of one instance evenly; its state outlives the batch.

    By the wall clock: the monotonic one may stand still while Lambda has the function frozen, and the turn of an
    instance that sends less than once an invocation would never come.
    """

    def __init__(self, sends_per_second: float, first: float | None = None) -> None:
        """Wire the pace.

        Args:
            sends_per_second: 0 means no limit.
            first: the part of an interval that passes before the first slot. By chance unless given: instances that
                start at once and in step would make a burst of each turn.
        """
        self._interval = 1 / sends_per_second if sends_per_second else 0.0
        self._lock = threading.Lock()
        part = random.random() if first is None else first  # noqa: S311 - no secret
        self._next = time.time() + self._interval * part

    def wait_for(self, within: float) -> tuple[bool, float]:
        """Take the next slot when it comes within so many seconds; return whether it does, and the seconds to it."""
        if not self._interval:
            return True, 0.0
        with self._lock:
            now = time.time()
            slot = max(self._next, now)
            taken = slot - now <= within
            if taken:
                self._next = slot + self._interval
            return taken, slot - now


class _Gate:
    """Says before each send whether it may start: breaker closed, time left, pace."""

    def __init__(self, pace: Pace, last_start: float) -> None:
        self._pace, self._last_start = pace, last_start
        self._tripped: Deferred | None = None

    def learn(self, outcome: Outcome) -> None:
        """Open the breaker for the rest of the batch when the API, or what every send needs, is not there."""
        if isinstance(outcome, Deferred) and outcome.code in _TRIPPING:
            self._tripped = outcome
        if isinstance(outcome, Unknown) and not outcome.earlier:
            # An API that hangs is down too, and each request it does not answer is one that a person has to look up.
            self._tripped = Deferred(outcome.code, outcome.reason)

    def admit(self) -> Deferred | None:
        """See `sending.Admit`."""
        if refusal := self._refusal():
            return refusal
        taken, seconds = self._pace.wait_for(self._last_start - time.monotonic())
        if not taken:
            why = "its turn within MaxSendsPerSecond comes after this invocation"
            return Deferred(ErrorCode.NOT_ATTEMPTED, why, seconds)
        if seconds > 0:
            time.sleep(seconds)
        return self._refusal()

    def _refusal(self) -> Deferred | None:
        if self._tripped:
            reason = f"handed back untried: another message of the batch met {self._tripped.code}"
            return Deferred(ErrorCode.NOT_ATTEMPTED, reason, self._tripped.retry_after)
        if time.monotonic() > self._last_start:
            return Deferred(ErrorCode.NOT_ATTEMPTED, "no time was left to send it")
        return None


class Batch:
    """Runs batches, one at a time; its threads outlive them."""

    def __init__(self, send: Send, route: RouteAll, settings: Settings, observer: Observer) -> None:
        self._send, self._route, self._settings, self._observer = send, route, settings, observer
        self._threads = ThreadPoolExecutor(settings.send_concurrency, thread_name_prefix="send")
        self._pace = Pace(settings.sends_per_second)

    def run(self, deliveries: Sequence[Delivery], seconds_left: float) -> list[Routed]:
        """Send and route all of them.

        Args:
            deliveries: of one invocation.
            seconds_left: until the function's deadline.
        """
        ends = time.monotonic() + seconds_left
        last_start = ends - RESERVE_SECONDS - self._settings.attempt_seconds
        over_at = time.time() + seconds_left
        gate = _Gate(self._pace, last_start)

        def attempt(delivery: Delivery) -> Outcome:
            outcome = self._attempt(delivery, gate.admit, last_start, over_at)
            gate.learn(outcome)
            return or_exhausted(delivery, outcome, self._settings, time.time())

        groups = _groups(deliveries)
        routed = [r for group in self._map(lambda group: self._in_order(group, attempt, ends), groups) for r in group]
        # Oldest first: when time runs out, who was handed back before has its turn now.
        single = sorted((d for d in deliveries if not _group(d)), key=lambda d: d.record.sent_at if d.record else 0)
        outcomes = self._map(lambda delivery: (delivery, attempt(delivery)), single)
        return [*routed, *self._route(list(outcomes), ends)]

    def _map(self, work: Callable[[T], R], items: Sequence[T]) -> Iterable[R]:
        return map(work, items) if len(items) == 1 else self._threads.map(work, items)

    def _attempt(self, delivery: Delivery, admit: Admit, last_start: float, over_at: float) -> Outcome:
        try:
            return self._send(delivery, admit, last_start=last_start, over_at=over_at)
        except Exception:  # noqa: BLE001 - whatever it is, it is one message's
            # A bug. Its message goes back, its neighbours are not touched; the ledger keeps it from being sent twice.
            self._observer.bug("a message could not be handled", message_id=delivery.id)
            return Deferred(ErrorCode.INTERNAL_ERROR, "a bug in the sender: the log says where")

    def _in_order(self, group: Sequence[Delivery], attempt: Callable[[Delivery], Outcome], ends: float) -> list[Routed]:
        """Run one FIFO group: each message is where it belongs before the next starts; one that is not stops it."""
        done: list[Routed] = []
        for position, delivery in enumerate(group):
            outcome = attempt(delivery)
            if not isinstance(outcome, Deferred):
                done += self._route([(delivery, outcome)], ends)
                if done[-1].route is not Route.STRANDED:
                    continue
            # SQS holds the group for as long as its first message is not visible, however short the others' wait is.
            behind = Deferred(ErrorCode.NOT_ATTEMPTED, "behind an unfinished message of its group")
            rest = [(d, or_exhausted(d, behind, self._settings, time.time())) for d in group[position + 1 :]]
            first = [(delivery, outcome)] if isinstance(outcome, Deferred) else []
            return [*done, *self._route([*first, *rest], ends)]
        return done


def _group(delivery: Delivery) -> str | None:
    return delivery.record.group_id if delivery.record else None


def _groups(deliveries: Sequence[Delivery]) -> list[list[Delivery]]:
    groups: dict[str, list[Delivery]] = {}
    for delivery in deliveries:
        if name := _group(delivery):
            groups.setdefault(name, []).append(delivery)
    return list(groups.values())
