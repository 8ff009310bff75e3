"""Many deliveries -> where each went: side by side, FIFO groups in order, within the time left."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from message_sender.aws import CALL_SECONDS
from message_sender.clock import Clock
from message_sender.envelope import Delivery
from message_sender.observability import Observer
from message_sender.outcome import Deferred, ErrorCode, Outcome, Route
from message_sender.pace import Breaker, Gate, Pace
from message_sender.retries import or_exhausted
from message_sender.routing import Routed, Router
from message_sender.sending import Sender
from message_sender.settings import Settings
from message_sender.sqs_limits import BATCH_ENTRIES

RESERVE_SECONDS = 3 * CALL_SECONDS
"""Of the function's time, after the last answer: the ledger's write, the dead letters, the waits of what goes back."""
LINGER_SECONDS = 1.0
"""How long an outcome waits for others that can be written with it in one call."""

Pair = tuple[Delivery, Outcome]


@dataclass(frozen=True, slots=True)
class _Times:
    """The moments of one invocation."""

    ends: float
    """Of the monotonic clock: Lambda ends the function."""
    answer_by: float
    """Of the monotonic clock: what comes afterwards needs the rest."""
    last_start: float
    """Of the monotonic clock: a send that starts later may not be answered in time."""
    over_at: float
    """Epoch seconds: the same moment as `ends`, for other instances."""


class Batch:
    """Runs batches, one at a time; its threads, pace and breaker outlive them."""

    def __init__(
        self, sender: Sender, router: Router, settings: Settings, observer: Observer, clock: Clock = time
    ) -> None:
        self._sender, self._router, self._settings = sender, router, settings
        self._observer, self._clock = observer, clock
        self._threads = ThreadPoolExecutor(settings.send_concurrency, thread_name_prefix="send")
        self._pace = Pace(settings.sends_per_second, clock=clock)
        self._breaker = Breaker(settings.send_concurrency, clock)

    def run(self, deliveries: Sequence[Delivery], seconds_left: float) -> Iterator[list[Routed]]:
        """Send and route all of them; yield what is routed, as it is.

        Every message is yielded once, and nothing runs any more when the last is.

        Args:
            deliveries: of one invocation.
            seconds_left: until the function's deadline.
        """
        times = self._times(seconds_left)
        gate = Gate(self._pace, self._breaker, times.last_start, self._clock)
        self._sender.free_left_over()
        yield from self._routed(_lanes(deliveries), gate, times)
        self._sender.free_left_over()

    def _times(self, seconds_left: float) -> _Times:
        ends = self._clock.monotonic() + seconds_left
        answer_by = ends - RESERVE_SECONDS
        last_start = answer_by - self._settings.attempt_seconds
        return _Times(ends, answer_by, last_start, self._clock.time() + seconds_left)

    def _routed(self, lanes: Sequence[Sequence[Delivery]], gate: Gate, times: _Times) -> Iterator[list[Routed]]:
        """Run the lanes side by side, and route what they end with in as few calls as is soon enough."""
        pending = {self._start(lane, gate, times, alone=len(lanes) == 1) for lane in lanes}
        open_: list[Pair] = []
        try:
            while pending:
                done, pending = wait(pending, LINGER_SECONDS if open_ else None, FIRST_COMPLETED)
                for lane in done:
                    ended = lane.result()
                    open_ += ended.open
                    if ended.routed:
                        yield ended.routed
                if open_ and (len(open_) >= BATCH_ENTRIES or not done or not pending):
                    yield self._route(open_, times)
                    open_ = []
        finally:
            wait(pending)

    def _start(self, lane: Sequence[Delivery], gate: Gate, times: _Times, *, alone: bool) -> "Future[_Ended]":
        if not alone:
            return self._threads.submit(self._run_lane, lane, gate, times)
        future: Future[_Ended] = Future()
        future.set_result(self._run_lane(lane, gate, times))
        return future

    def _run_lane(self, lane: Sequence[Delivery], gate: Gate, times: _Times) -> "_Ended":
        """Run one lane in order: each message is where it belongs before the next starts; one that is not stops it."""
        routed: list[Routed] = []
        for position, delivery in enumerate(lane):
            outcome = self._attempt(delivery, gate, times)
            if len(lane) == 1:
                return _Ended([], [(delivery, outcome)])
            if not isinstance(outcome, Deferred):
                routed += self._route([(delivery, outcome)], times)
                if routed[-1].route is not Route.STRANDED:
                    continue
            # SQS holds the group for as long as its first message is not visible, however short the others' wait is.
            behind = Deferred(ErrorCode.NOT_ATTEMPTED, "behind an unfinished message of its group")
            first = [(delivery, outcome)] if isinstance(outcome, Deferred) else []
            return _Ended(routed, [*first, *((d, self._or_exhausted(d, behind)) for d in lane[position + 1 :])])
        return _Ended(routed, [])

    def _attempt(self, delivery: Delivery, gate: Gate, times: _Times) -> Outcome:
        try:
            outcome = self._sender.send(delivery, gate, answer_by=times.answer_by, over_at=times.over_at)
        except Exception:  # noqa: BLE001 - whatever it is, it is one message's
            # A bug. Its message goes back, its neighbours are not touched; the ledger keeps it from being sent twice.
            self._observer.bug("a message could not be handled", message_id=delivery.id)
            outcome = Deferred(ErrorCode.INTERNAL_ERROR, "a bug in the sender: the log says where")
        return self._or_exhausted(delivery, outcome)

    def _or_exhausted(self, delivery: Delivery, outcome: Outcome) -> Outcome:
        return or_exhausted(delivery, outcome, self._settings, self._clock.time())

    def _route(self, pairs: Sequence[Pair], times: _Times) -> list[Routed]:
        try:
            return self._router.route(pairs, times.ends)
        except Exception:  # noqa: BLE001 - a bug: these messages stay where they are, the others are not touched
            self._observer.bug("messages could not be routed", messages=len(pairs))
            return [Routed(delivery, outcome, Route.STRANDED) for delivery, outcome in pairs]


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a lane ended."""

    routed: list[Routed]
    open: list[Pair]
    """What can be routed together with the outcomes of other lanes."""


def _lanes(deliveries: Sequence[Delivery]) -> list[list[Delivery]]:
    """Cut a batch into what runs side by side: each FIFO group, and each message of its own.

    Oldest first: when time runs out, whoever was handed back before has the next turn.
    """
    lanes: dict[str, list[Delivery]] = {}
    for position, delivery in enumerate(deliveries):
        group = delivery.record.group_id if delivery.record else None
        lanes.setdefault(f"group {group}" if group else f"single {position}", []).append(delivery)
    return sorted(lanes.values(), key=lambda lane: lane[0].record.sent_at if lane[0].record else 0)
