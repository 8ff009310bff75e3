r"""A scripted server for faults of connections that a normal HTTP server cannot produce.

    with Wire([ReadRequest(), Send(b"HTTP/1.1 200 OK\r\nContent-Le"), Reset()]) as wire:
        client(wire.url)
        assert len(wire.requests) == 1

Each connection runs one script, step by step. The first connection runs the first script, and so on. The last script
is for all further connections. At the end of a script the connection is closed in order (FIN). Steps are values, so
scripts can be parameters of a test. Nothing is random, and nothing waits longer than the `with` block.
"""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Self

# How often a waiting step checks whether the block has ended.
_POLL_SECONDS = 0.02

# The buffer is small, so that the kernel cannot accept a whole large request before the fault.
_RECEIVE_BUFFER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One complete request. Header names are in lower case, and values are unchanged."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class WireConnection:
    """The record of one connection.

    Attributes:
        requests: the complete requests.
        bytes_received: the bytes of complete and incomplete requests, after decryption.
        steps_done: the number of finished steps of the script.
        closed: whether the server has closed the connection.
        error: the error that the peer caused (a reset or a refused certificate), or None.
    """

    requests: list[WireRequest] = field(default_factory=list)
    bytes_received: int = 0
    steps_done: int = 0
    closed: bool = False
    error: OSError | None = None


# --- steps ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Read one whole request with a Content-Length. If the peer closes instead, the script ends."""


@dataclass(frozen=True, slots=True)
class ReadBytes:
    """Read at least this number of bytes, and few more."""

    count: int = 1


@dataclass(frozen=True, slots=True)
class Send:
    """Send these bytes at once."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Drip:
    """Send these bytes one by one, `interval` seconds apart."""

    data: bytes
    interval: float = 0.02


@dataclass(frozen=True, slots=True)
class Hang:
    """Do nothing until the block ends. This also stops reading."""


@dataclass(frozen=True, slots=True)
class Reset:
    """End the connection with a reset (RST). The peer loses data that it has not read."""


Step = ReadRequest | ReadBytes | Send | Drip | Hang | Reset
Script = Sequence[Step]


# --- answers to send ------------------------------------------------------------------------------------------------

HTML = b"<!doctype html><title>Welcome</title><h1>It works!</h1>"


def success(message_id: str = "Xyz12345", *, padding: int = 0) -> bytes:
    """Return the body of an accepted message. `padding` is the size of an unused field in bytes."""
    body = {"status": "success", "data": {"message_id": message_id}}
    return json.dumps(body | ({"padding": "x" * padding} if padding else {})).encode()


def failure(reason: str = "Invalid channel_key.") -> bytes:
    """Return the body of an error as the API documents it."""
    return json.dumps({"status": "error", "errors": [{"msg": reason}]}).encode()


def response(
    status: int = 200,
    body: bytes = b"",
    *,
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
    content_length: int | None = None,
) -> bytes:
    """Return a response with a Content-Length. `content_length` can make that header wrong."""
    length = len(body) if content_length is None else content_length
    return _head(status, {"Content-Type": content_type, "Content-Length": str(length), **(headers or {})}) + body


def chunked(body: bytes, *, size: int = 7, ends: bool = True) -> bytes:
    """Return a 200 in chunks of `size` bytes. With `ends=False` the last chunk is missing."""
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    encoded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = _head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    return head + encoded + (b"0\r\n\r\n" if ends else b"")


def gzipped(body: bytes) -> bytes:
    """Return a 200 with a compressed body."""
    return response(200, gzip.compress(body), headers={"Content-Encoding": "gzip"})


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


# --- the server -----------------------------------------------------------------------------------------------------


class Wire:
    """A server on a free loopback port that runs scripts. It has its `url`, its `connections` and their `requests`.

    With `tls` (a server-side SSLContext) the handshake comes before the script. `scheme` changes only `url`. With
    "https" and without `tls`, TLS clients connect to a server without TLS.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None, scheme: str | None = None) -> None:
        if not scripts:
            raise ValueError("a Wire needs at least one script")
        self._scripts = scripts
        self._tls = tls
        self._ended = threading.Event()
        self._changed = threading.Condition()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._playing: list[threading.Thread] = []
        self.connections: list[WireConnection] = []
        self._listener = socket.socket()
        # Each connection inherits this option. It must be set before the TCP window is negotiated.
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(64)
        self._listener.settimeout(_POLL_SECONDS)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{scheme or ('https' if tls else 'http')}://127.0.0.1:{self.port}"

    @property
    def requests(self) -> list[WireRequest]:
        """Every complete request, by connection."""
        with self._changed:
            return [request for connection in self.connections for request in connection.requests]

    def wait_for_steps(self, count: int, timeout: float = 5) -> None:
        """Wait until the first connection has finished `count` steps; TimeoutError after `timeout` seconds."""
        self._wait(lambda: bool(self.connections) and self.connections[0].steps_done >= count, timeout)

    def wait_for_closed(self, count: int = 1, timeout: float = 5) -> None:
        """Wait until the server has closed `count` connections; TimeoutError after `timeout` seconds."""
        self._wait(lambda: sum(each.closed for each in self.connections) >= count, timeout)

    def _wait(self, condition: Callable[[], bool], timeout: float) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"after {timeout} s: {self.connections}")

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        # On a loaded machine the kernel may have accepted connections that this server has not. They are counted too.
        self._ended.set()
        self._accepting.join()
        for thread in self._playing:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except TimeoutError:
                if self._ended.is_set():
                    return
                continue
            connection = WireConnection()
            with self._changed:
                script = self._scripts[min(len(self.connections), len(self._scripts) - 1)]
                self.connections.append(connection)
            thread = threading.Thread(target=self._play, args=(peer, script, connection), daemon=True)
            self._playing.append(thread)
            thread.start()

    def _play(self, peer: socket.socket, script: Script, connection: WireConnection) -> None:
        try:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                peer.settimeout(5)  # a handshake cannot continue after a timeout
                peer = self._tls.wrap_socket(peer, server_side=True)
            peer.settimeout(_POLL_SECONDS)
            _Player(peer, connection, self._ended, self._changed).play(script)
        except OSError as error:
            connection.error = error
        finally:
            peer.close()
            with self._changed:
                connection.closed = True
                self._changed.notify_all()


class _PeerClosedError(Exception):
    """The peer closed in order, or the block ended, so the rest of the script is not run."""


class _Player:
    """Runs a script on one connection."""

    def __init__(
        self,
        peer: socket.socket,
        connection: WireConnection,
        ended: threading.Event,
        changed: threading.Condition,
    ) -> None:
        self._peer = peer
        self._connection = connection
        self._ended = ended
        self._changed = changed
        self._unread = b""

    def play(self, script: Script) -> None:
        """Do every step. An error that the peer causes is raised as OSError."""
        with suppress(_PeerClosedError):
            for step in script:
                self._do(step)
                with self._changed:
                    self._connection.steps_done += 1
                    self._changed.notify_all()
            self._close()

    def _do(self, step: Step) -> None:
        match step:
            case ReadRequest():
                self._read_request()
            case ReadBytes(count):
                while len(self._unread) < count:
                    self._receive()
            case Send(data):
                self._send(data)
            case Drip(data, interval):
                for byte in data:
                    self._send(bytes([byte]))
                    self._ended.wait(interval)
            case Hang():
                self._ended.wait()
                raise _PeerClosedError
            case Reset():
                # With a linger of 0 s, close() sends RST at once.
                self._peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                raise _PeerClosedError

    def _read_request(self) -> None:
        while b"\r\n\r\n" not in self._unread:
            self._receive()
        head, _, self._unread = self._unread.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self._unread) < length:
            self._receive()
        body, self._unread = self._unread[:length], self._unread[length:]
        with self._changed:
            self._connection.requests.append(WireRequest(method, target, headers, body))
            self._changed.notify_all()

    def _receive(self) -> None:
        """Read the next data. A waiting read checks regularly whether the block has ended."""
        while not self._ended.is_set():
            try:
                data = self._peer.recv(65536)
            except TimeoutError:
                continue
            if not data:
                break
            self._connection.bytes_received += len(data)
            self._unread += data
            return
        raise _PeerClosedError

    def _send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and not self._ended.is_set():
            with suppress(TimeoutError):  # the peer does not read at the moment
                rest = rest[self._peer.send(rest) :]
        if rest:
            raise _PeerClosedError

    def _close(self) -> None:
        """Close in order. With unread data in the kernel, close() would send RST, and sent data could be lost."""
        self._peer.settimeout(0)
        with suppress(OSError):
            while self._peer.recv(65536):
                pass


# --- addresses without an answer ------------------------------------------------------------------------------------


def refused_url(scheme: str = "http") -> str:
    """Return a loopback address that refuses connections. Its port was free a moment ago."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"{scheme}://127.0.0.1:{unused.getsockname()[1]}"


@contextmanager
def deaf_socket(host: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """Listen on an address where a connection attempt never ends: its backlog is full and nobody accepts.

    If the backlog is full, Linux drops the first packet of a connection, and the other side retries until its own
    timeout. A backlog of 0 accepts a few connections on some systems, so the loop fills it until a connection waits.

    Yields the port.
    """
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind((host, port))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(16):
            waiting = sockets.enter_context(socket.socket())
            waiting.settimeout(0.1)
            try:
                waiting.connect(address)
            except TimeoutError:
                break
        else:
            raise OSError("this system accepts more connections than the backlog allows")
        yield address[1]


@contextmanager
def unanswered_url(scheme: str = "http") -> Iterator[str]:
    """Yield a loopback address where a connection attempt never ends."""
    with deaf_socket() as port:
        yield f"{scheme}://127.0.0.1:{port}"
