"""Limits on connecting and on answers, proxies and certificates. What cuts an answer on a wire is in tests/faults."""

import io
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import requests
import trustme

from message_sender import connections
from message_sender.connections import Limits
from message_sender.sociocs.transport import open_session
from tests.support.wire import Hang, ReadRequest, Send, Wire, deaf_socket

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


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


def request(url: str, limits: Limits, connect_seconds: float) -> requests.Response:
    """Make one request."""
    session = open_session(url, 1, limits)
    session.trust_env = False
    try:
        return session.post(f"{url}/message", data=b"{}", timeout=(connect_seconds, 5))
    finally:
        session.close()


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


# --- proxies and certificates -----------------------------------------------------------------------------------------


def test_a_proxy_of_the_environment_leads_to_sociocs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function in a VPC may have no other way out. What goes through it is known to have been sent, or not."""
    with Wire([ReadRequest(), Send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        limits = Limits()

        with pytest.raises(requests.exceptions.ProxyError):
            request("https://api.sociocs.test", limits, connect_seconds=5)

        assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", "api.sociocs.test:443")
        assert not limits.was_sent


@pytest.mark.parametrize("no_proxy", ["api.sociocs.test", "*", ".sociocs.test"])
def test_no_proxy_is_heard(no_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by every other program."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    assert open_session("https://api.sociocs.test", 1, Limits()).proxies == {}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_ca_bundle_of_the_environment_is_trusted(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that opens TLS has a certificate authority of its own."""
    authority = trustme.CA()
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    if kind == "folder":
        subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    with Wire([ReadRequest(), Send(ANSWER)], tls=server) as wire, pytest.raises(requests.exceptions.SSLError):
        request(wire.url, Limits(), connect_seconds=5)
    with Wire([ReadRequest(), Send(ANSWER)], tls=server) as wire:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle if kind == "file" else tmp_path))
        assert request(wire.url, Limits(), connect_seconds=5).status_code == 200


def test_credentials_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The apikey is the only one."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login planted password planted")
    monkeypatch.setenv("NETRC", str(netrc))
    with Wire([ReadRequest(), Send(ANSWER)]) as wire:
        request(wire.url, Limits(), connect_seconds=5)

    assert "authorization" not in wire.requests[0].headers
