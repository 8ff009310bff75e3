"""A clock that tests hold in their hands."""

import time
from dataclasses import dataclass, field

START = 1_790_000_000.0


@dataclass
class FakeClock:
    """In place of the module `time`: sleeping only turns its hands."""

    now: float = START
    ticks: float = 0
    """Seconds that each look at the monotonic clock takes."""
    slept: list[float] = field(default_factory=list)
    frozen: bool = False
    """The monotonic clock stands still, as while Lambda has the function frozen."""
    _stood_at: float = START

    def time(self) -> float:
        """Epoch seconds."""
        return self.now

    def monotonic(self) -> float:
        """The same, unless it stands still."""
        if self.frozen:
            return self._stood_at
        self.now += self.ticks
        self._stood_at = self.now
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """Be so much later."""
        self.slept.append(seconds)
        self.now += seconds


@dataclass
class AheadClock:
    """The real clock, ahead by so many seconds: a moment that a test does not wait for."""

    seconds: float = 0

    def time(self) -> float:
        """Epoch seconds, ahead."""
        return time.time() + self.seconds

    def monotonic(self) -> float:
        """As it is."""
        return time.monotonic()

    def sleep(self, seconds: float, /) -> None:
        """Wait."""
        time.sleep(seconds)
