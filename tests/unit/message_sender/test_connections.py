"""Limits on connecting and on answers, proxies and certificates. What cuts an answer on a wire is in tests/faults."""

import io
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import requests

from message_sender import connections
from message_sender.connections import Limits
from tests.support.fake_api import ANSWER, request
from tests.support.wire import Hang, ReadRequest, Send, Wire, deaf_socket


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


# --- connecting -------------------------------------------------------------------------------------------------------

DEAD_ADDRESSES = [f"127.0.0.{number}" for number in range(2, 8)]


@contextmanager
def host_with(monkeypatch: pytest.MonkeyPatch, *addresses: str, living: bool) -> Iterator[str]:
    """A host with these addresses, none of which answers; the last may be followed by one that does."""
    with ExitStack() as stack, Wire([ReadRequest(), Send(ANSWER)]) as wire:
        port = urlsplit(wire.url).port or 0
        for address in addresses:
            stack.enter_context(deaf_socket(address, port))
        found = [*addresses, "127.0.0.1"] if living else list(addresses)
        resolve = socket.getaddrinfo
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, *rest, **options: (
                [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]
                if host == "many.test"
                else resolve(host, *rest, **options)
            ),
        )
        yield f"http://many.test:{port}"


def test_all_addresses_of_a_host_share_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six dead ones take no longer than one, and the living one after them is reached."""
    with host_with(monkeypatch, *DEAD_ADDRESSES, living=True) as url:
        started = time.monotonic()
        assert request(url, Limits(), connect_seconds=1.4).status_code == 200
        assert time.monotonic() - started < 3

    with host_with(monkeypatch, *DEAD_ADDRESSES, living=False) as url:
        started = time.monotonic()
        with pytest.raises(requests.ConnectionError):
            request(url, Limits(), connect_seconds=0.7)
        assert time.monotonic() - started < 2


def test_each_address_gets_its_share_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The living one at the end may be across an ocean: it must not get what six dead ones have left."""
    given: list[float] = []
    set_timeout = socket.socket.settimeout

    def note(sock: socket.socket, seconds: float | None) -> None:
        given.append(seconds or 0)
        set_timeout(sock, seconds)

    with host_with(monkeypatch, *DEAD_ADDRESSES, living=False) as url:
        monkeypatch.setattr(socket.socket, "settimeout", note)
        with pytest.raises(requests.ConnectionError):
            request(url, Limits(), connect_seconds=0.6)

    assert len(given) == len(DEAD_ADDRESSES)
    assert given[0] == pytest.approx(0.1, abs=0.02)
    assert min(given) > 0.02


def test_no_request_goes_out_that_cannot_be_answered_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connecting took what the answer needs: nothing was sent, and that is known."""
    with host_with(monkeypatch, *DEAD_ADDRESSES[:1], living=True) as url:
        limits = Limits()
        limits.begin(ends=time.monotonic() + 10, send_by=time.monotonic() + 0.05)

        with pytest.raises(requests.ConnectTimeout):
            request(url, limits, connect_seconds=0.6)

        assert not limits.was_sent


def test_an_exchange_ends_when_it_must(monkeypatch: pytest.MonkeyPatch) -> None:
    """The invocation's end counts, however long the answer may take by itself."""
    with Wire([ReadRequest(), Hang()]) as wire:
        limits = Limits()
        limits.begin(ends=time.monotonic() + 0.3)
        started = time.monotonic()

        with pytest.raises(requests.RequestException):
            request(wire.url, limits, connect_seconds=5)

        assert time.monotonic() - started < 2
        assert limits.was_sent
