"""Time: the clocks that everything else is given, so that a test can play hours in a moment."""

import threading
from typing import Protocol


class Clock(Protocol):
    """What is used of the module `time`, which is the clock of everything that is given no other."""

    def time(self) -> float:
        """Return epoch seconds. Somebody may set this clock back."""

    def monotonic(self) -> float:
        """Return seconds that never go back. They may stand still while Lambda has the function frozen."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


class SteadyClock:
    """Epoch seconds that go on while the function is frozen and never go back. Safe to share between threads.

    It follows the wall clock. When that is set back, it goes on from where it was: what waits for a moment of it does
    not wait an hour longer.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._latest, self._set_back = clock.time(), 0.0

    def now(self) -> float:
        """Return the seconds."""
        with self._lock:
            now = self._clock.time() + self._set_back
            if now < self._latest:
                self._set_back += self._latest - now
                now = self._latest
            self._latest = now
            return now
