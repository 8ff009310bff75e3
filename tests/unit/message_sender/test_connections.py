"""The limit on a whole answer, on a clock of its own. What cuts an answer on a real wire is in tests/faults."""

import io
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from message_sender import connections


@dataclass
class SlowSocket:
    """A socket on which each byte takes eight seconds."""

    clock: list[float]
    waits: list[float] = field(default_factory=list)

    def gettimeout(self) -> float:
        """The read timeout, as urllib3 sets it."""
        return 20.0

    def settimeout(self, seconds: float) -> None:
        """Note for how long the next read may wait."""
        self.waits.append(seconds)

    def makefile(self, *_: object, **__: object) -> Any:
        """Give something to read from."""
        return SimpleNamespace(readinto=self._read, close=lambda: None)

    def _read(self, buffer: Any) -> int:
        self.clock[0] += 8
        buffer[:1] = b"x"
        return 1


def test_each_read_waits_no_longer_than_what_is_left_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then, or one and then silence: the read timeout is not started anew."""
    clock = [1000.0]
    monkeypatch.setattr(connections, "time", SimpleNamespace(monotonic=lambda: clock[0], time=lambda: clock[0]))
    sock = SlowSocket(clock)
    limited = connections._LimitedSocket(cast(Any, sock)).makefile("rb")
    assert isinstance(limited, io.BufferedReader)

    assert limited.read1(1) + limited.read1(1) + limited.read1(1) == b"xxx"
    with pytest.raises(TimeoutError):
        limited.read1(1)

    assert sock.waits == [20, 12, 4]
