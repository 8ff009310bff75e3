"""What decides before each send whether it may start: the pace, the breaker, and the time that is left."""

import random
import threading
import time

from message_sender.clock import Clock, SteadyClock
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown

TRIPPING = frozenset(
    {
        ErrorCode.API_THROTTLED,
        ErrorCode.API_UNAVAILABLE,
        ErrorCode.API_UNREACHABLE,
        ErrorCode.OUTCOME_UNKNOWN,
    }
)
"""What one message has met and every other would meet."""
DOUBTFUL = frozenset(
    {
        ErrorCode.API_UNAUTHORIZED,
        ErrorCode.API_MISCONFIGURED,
        ErrorCode.DEPENDENCY_UNAVAILABLE,
    }
)
"""What may be true of one message or one call only: a second message in a row has to meet it too."""
FIRST_OPEN_SECONDS = 5.0
LONGEST_OPEN_SECONDS = 60.0
"""How long the breaker stays open at most, unless Sociocs asks for more: what anyone waits after an outage is over."""
LONGEST_SLEEP_SECONDS = 2.0
"""How long a send waits in the function for its turn or its place. Waiting here is paid for; on the queue it is not."""


class Pace:
    """Spaces the sends of one instance evenly; its state outlives the batch."""

    def __init__(self, sends_per_second: float, first: float | None = None, clock: Clock = time) -> None:
        """Wire the pace.

        Args:
            sends_per_second: 0 means no limit.
            first: the part of an interval that passes before the first slot. By chance unless given: instances that
                start at once and in step would make a burst of each turn.
            clock: the wall clock counts, made steady. The monotonic one may stand still while Lambda has the function
                frozen: the turn of an instance that sends less than once an invocation would never come.
        """
        self._interval = 1 / sends_per_second if sends_per_second else 0.0
        self._lock = threading.Lock()
        self._clock = SteadyClock(clock)
        part = random.random() if first is None else first  # noqa: S311 - no secret
        self._next = self._clock.now() + self._interval * part

    def wait_for(self, within: float) -> tuple[bool, float]:
        """Take the next slot when it comes within so many seconds; return whether it does, and the seconds to it."""
        if not self._interval:
            return True, 0.0
        with self._lock:
            now = self._clock.now()
            slot = max(self._next, now)
            taken = slot - now <= within
            if taken:
                self._next = slot + self._interval
            return taken, slot - now


class Breaker:
    """Stops the sends when what each of them needs is not there, and starts slowly. Its state outlives the batch.

    Open, it hands messages back untried. After that one message goes first, then 2, then 4: until as many go as the
    function sends at once. The first failure on that way opens it again, for twice as long.
    """

    def __init__(self, places: int, clock: Clock = time) -> None:
        """Wire a breaker for so many sends at once."""
        self._places, self._clock = places, SteadyClock(clock)
        self._changed = threading.Condition()
        self._allowed = places
        self._taken = 0
        self._opens = 0
        """How often it opened since it was last closed."""
        self._open_until = 0.0
        self._why = ErrorCode.API_UNAVAILABLE
        self._doubt: ErrorCode | None = None

    def refusal(self) -> Deferred | None:
        """Say why nothing may start now; None when the breaker is not open."""
        seconds = self._open_until - self._clock.now()
        if seconds <= 0:
            return None
        reason = f"handed back untried: another message met {self._why}"
        return Deferred(ErrorCode.NOT_ATTEMPTED, reason, seconds)

    def enter(self, within: float) -> Deferred | None:
        """Take a place, or say why not. Whoever got one gives it back with `leave`."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self._allowed or self.refusal() is not None, max(0.0, within))
            if refusal := self.refusal():
                return refusal
            if self._taken >= self._allowed:
                reason = f"handed back untried: few are sent at once since another message met {self._why}"
                return Deferred(ErrorCode.NOT_ATTEMPTED, reason)
            self._taken += 1
            return None

    def leave(self, outcome: Outcome | None) -> None:
        """Give the place back, and learn from what became of the message; None when nobody knows."""
        with self._changed:
            self._taken -= 1
            self._learn(outcome)
            self._changed.notify_all()

    def _learn(self, outcome: Outcome | None) -> None:
        match outcome:
            case Accepted(duplicate=False) | Rejected(code=ErrorCode.API_REJECTED):
                self._close_a_little()
            case Unknown(earlier=False):
                self._open(ErrorCode.OUTCOME_UNKNOWN, None)
            case Deferred(code=code) if code in TRIPPING:
                self._open(code, outcome.retry_after)
            case Deferred(code=code) if code in DOUBTFUL:
                if self._doubt or self._opens:
                    self._open(code, outcome.retry_after)
                self._doubt = code

    def _close_a_little(self) -> None:
        self._doubt = None
        if self._clock.now() < self._open_until:
            return  # an answer to a request of before
        self._allowed = min(self._places, self._allowed * 2)
        if self._allowed == self._places:
            self._opens = 0

    def _open(self, why: ErrorCode, seconds: float | None) -> None:
        now = self._clock.now()
        if now >= self._open_until:  # otherwise a request of before: it failed for the same reason
            self._opens += 1
        self._why, self._allowed = why, 1
        usual = min(LONGEST_OPEN_SECONDS, FIRST_OPEN_SECONDS * 2 ** min(self._opens - 1, 16))
        self._open_until = max(self._open_until, now + (seconds or usual))


class Gate:
    """Pace and breaker for the sends of one invocation, within its time."""

    def __init__(self, pace: Pace, breaker: Breaker, last_start: float, clock: Clock = time) -> None:
        """Wire a gate; no send starts after `last_start`, of the monotonic clock."""
        self._pace, self._breaker, self._last_start, self._clock = pace, breaker, last_start, clock

    def admit(self) -> Deferred | None:
        """Let a send start, perhaps after a wait, or say why it is not to be tried now.

        Whoever was admitted says `leave` afterwards.
        """
        if refusal := self._breaker.refusal() or self._too_late():
            return refusal
        taken, seconds = self._pace.wait_for(min(LONGEST_SLEEP_SECONDS, self._seconds_left()))
        if not taken:
            why = "its turn within MaxSendsPerSecond comes later"
            return Deferred(ErrorCode.NOT_ATTEMPTED, why, seconds)
        if seconds > 0:
            self._clock.sleep(seconds)
        if refusal := self._breaker.enter(min(LONGEST_SLEEP_SECONDS, self._seconds_left())):
            return refusal
        if refusal := self._too_late():
            self._breaker.leave(None)
        return refusal

    def leave(self, outcome: Outcome | None) -> None:
        """Say what became of a message that was admitted; None when nobody knows."""
        self._breaker.leave(outcome)

    def _seconds_left(self) -> float:
        return self._last_start - self._clock.monotonic()

    def _too_late(self) -> Deferred | None:
        if self._seconds_left() >= 0:
            return None
        return Deferred(ErrorCode.NOT_ATTEMPTED, "no time was left to send it")
