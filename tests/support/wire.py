r"""Faults of the wire, one scripted socket at a time: what no well-behaved HTTP server can be made to do.

    with Wire([ReadRequest(), Send(b"HTTP/1.1 200 OK\r\nContent-Le"), Reset()]) as wire:
        client(wire.url)
        assert len(wire.requests) == 1

Each connection plays one script, step by step: the first connection the first script, and so on; the last script
serves all that follow. When a script is over, the connection is closed in order (FIN). Steps are values, so scripts
can be parameters of a test. Nothing here is random, and nothing waits longer than the `with` block.
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

# How often a step that waits looks whether the block has ended.
_POLL_SECONDS = 0.02

# Small, so that a large request cannot vanish into the buffers of the kernel before the fault.
_RECEIVE_BUFFER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One request that was read to its end. Header names are in lower case, values as they came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class WireConnection:
    """What one connection brought.

    Attributes:
        requests: the complete ones.
        bytes_received: of complete and incomplete ones, after decryption.
        steps_done: how many steps of its script have been played.
        closed: whether it is over on our side.
        error: what the peer did to it (it reset, or refused our certificate), if anything.
    """

    requests: list[WireRequest] = field(default_factory=list)
    bytes_received: int = 0
    steps_done: int = 0
    closed: bool = False
    error: OSError | None = None


# --- steps ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Read one whole request with a Content-Length. The script ends when the peer closes instead."""


@dataclass(frozen=True, slots=True)
class ReadBytes:
    """Read at least so many bytes, and little more."""

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
    """Do nothing more, not even read, until the block ends."""


@dataclass(frozen=True, slots=True)
class Reset:
    """End the connection with a reset (RST); data that the peer has not read yet is thrown away."""


Step = ReadRequest | ReadBytes | Send | Drip | Hang | Reset
Script = Sequence[Step]


# --- answers to send ------------------------------------------------------------------------------------------------

HTML = b"<!doctype html><title>Welcome</title><h1>It works!</h1>"


def success(message_id: str = "Xyz12345", *, padding: int = 0) -> bytes:
    """The body of an accepted message, made larger by `padding` bytes of a field nobody reads."""
    body = {"status": "success", "data": {"message_id": message_id}}
    return json.dumps(body | ({"padding": "x" * padding} if padding else {})).encode()


def failure(reason: str = "Invalid channel_key.") -> bytes:
    """The body of an error as the API documents it."""
    return json.dumps({"status": "error", "errors": [{"msg": reason}]}).encode()


def response(
    status: int = 200,
    body: bytes = b"",
    *,
    content_type: str = "application/json",
    headers: dict[str, str] | None = None,
    content_length: int | None = None,
) -> bytes:
    """A response with a Content-Length, which `content_length` can make a lie."""
    length = len(body) if content_length is None else content_length
    return _head(status, {"Content-Type": content_type, "Content-Length": str(length), **(headers or {})}) + body


def chunked(body: bytes, *, size: int = 7, ends: bool = True) -> bytes:
    """A 200 in chunks of `size` bytes; without its last chunk when it does not end."""
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    encoded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    head = _head(200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"})
    return head + encoded + (b"0\r\n\r\n" if ends else b"")


def gzipped(body: bytes) -> bytes:
    """A 200 whose body is compressed."""
    return response(200, gzip.compress(body), headers={"Content-Encoding": "gzip"})


def _head(status: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


# --- the server -----------------------------------------------------------------------------------------------------


class Wire:
    """A server on a free loopback port that plays scripts. `url` is where, `connections` and `requests` what came.

    With `tls` (a server-side SSLContext) the handshake comes before the script. `scheme` only changes `url`:
    "https" without `tls` sends TLS clients to a server that does not speak it.
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
        # Inherited by each connection. It has to be set before the window is agreed on.
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
        """Wait until `count` steps have been played on the first connection; TimeoutError after `timeout` seconds."""
        self._wait(lambda: bool(self.connections) and self.connections[0].steps_done >= count, timeout)

    def wait_for_closed(self, count: int = 1, timeout: float = 5) -> None:
        """Wait until `count` connections are over on our side; TimeoutError after `timeout` seconds."""
        self._wait(lambda: sum(each.closed for each in self.connections) >= count, timeout)

    def _wait(self, condition: Callable[[], bool], timeout: float) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, timeout):
                raise TimeoutError(f"after {timeout} s: {self.connections}")

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Connections that the kernel has taken and we have not yet, on a loaded machine, are to be counted too.
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
                peer.settimeout(5)  # a handshake cannot be taken up again after a timeout
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
    """The peer closed in order, or the block ended: the rest of the script has no audience."""


class _Player:
    """Plays a script on one connection."""

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
        """Do every step; raises OSError for what the peer did to the connection."""
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
        """Take what comes next. A read that has to wait looks now and then whether the block has ended."""
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
        """Close in order: with unread data in the kernel, close() would send RST and take back what was sent."""
        self._peer.settimeout(0)
        with suppress(OSError):
            while self._peer.recv(65536):
                pass


# --- addresses nobody answers at ------------------------------------------------------------------------------------


def refused_url(scheme: str = "http") -> str:
    """A loopback address that refuses connections: its port was free a moment ago."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"{scheme}://127.0.0.1:{unused.getsockname()[1]}"


@contextmanager
def unanswered_url(scheme: str = "http") -> Iterator[str]:
    """A loopback address where connecting takes for ever: its backlog is full and nobody accepts.

    Linux drops the first packet of a connection that finds the backlog full; the connecting side keeps trying until
    its own timeout. How many connections a backlog of 0 takes differs, so it is filled until one more has to wait.
    """
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
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
            raise OSError("this system takes more connections than the backlog asks for")
        yield f"{scheme}://127.0.0.1:{address[1]}"
