"""HTTP connections for Sociocs and for AWS: none lasts longer than it may, and none is used again after a freeze.

Four things that requests and botocore alone do not give, each through a public seam of urllib3 or http.client:

- a limit on connecting as a whole: urllib3 allows the timeout to each address of a host;
- a limit on the whole answer: a read timeout starts anew with every byte;
- whether the whole request was handed to the network: before that a failure cannot have done anything;
- no reuse of a connection that was idle for longer than servers keep one, or while the function was frozen.

The name of a host is looked up without a limit: the system's resolver has none to set.
"""

import functools
import io
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import certifi
from urllib3 import PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import allowed_gai_family, create_connection

from message_sender.clock import Clock

IDLE_SECONDS = 2.0
"""Below the 5 s after which common servers (Node, Apache) close an idle connection."""
_SHORTEST_SECONDS = 0.001
"""A socket's timeout of 0 means: do not wait at all, and fail."""


class Limits(threading.local):
    """What the exchange that a thread is about to make may take, and what it has done."""

    ends = float("inf")
    """Of the monotonic clock: nothing of the exchange goes on after it."""
    send_by = float("inf")
    """Of the monotonic clock: no request goes out after it."""
    was_sent = False
    """The whole request was handed to the network."""

    def __init__(self, clock: Clock = time, idle_seconds: float = IDLE_SECONDS) -> None:
        self.clock, self.idle_seconds = clock, idle_seconds

    def begin(self, ends: float = float("inf"), send_by: float = float("inf")) -> None:
        """Begin an exchange of this thread."""
        self.ends, self.send_by, self.was_sent = ends, send_by, False

    def within(self, seconds: float | None) -> float:
        """Return how many of so many seconds are left of the exchange; at least a moment."""
        left = self.ends - self.clock.monotonic()
        return max(_SHORTEST_SECONDS, left if seconds is None else min(seconds, left))


# --- the answer -----------------------------------------------------------------------------------------------------


class _LimitedSocketIO(io.RawIOBase):
    """Reads from a socket until a moment, not for a while from each byte on."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until
        # Holds a reference to the socket, which "Connection: close" closes before the body was read.
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # Any: RawIOBase's own signature
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._sock.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _LimitedSocket:
    """The part of a socket that http.client's response uses."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._until = sock, time.monotonic() + (sock.gettimeout() or 0)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_LimitedSocketIO(self._sock, self._until))


class _LimitedResponse(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:  # Any: http.client's signature
        super().__init__(_LimitedSocket(sock), *args, **options)  # type: ignore[arg-type]  # only makefile is used

    def begin(self) -> None:
        """Read up to the final answer. http.client skips 100 alone; 102 and 103 are interim too (RFC 9110, 15.2)."""
        super().begin()
        while self.status in (102, 103):
            # Taken for an answer, the real one would be read as that of the connection's next request.
            self.headers = self.msg = None  # type: ignore[assignment]  # with headers, begin() does nothing
            super().begin()


# --- the connection -------------------------------------------------------------------------------------------------


class _Limited(HTTPConnection):
    response_class = _LimitedResponse

    def __init__(self, limits: Limits, *args: Any, **options: Any) -> None:  # Any: urllib3's signature
        self._limits = limits
        self._used_at = limits.clock.time()
        super().__init__(*args, **options)

    @property
    def is_connected(self) -> bool:
        # Wall clock: the monotonic one may stand still while Lambda has the function frozen. Set back, it says that the
        # connection was used in the future: nobody knows for how long it was idle.
        idle = self._limits.clock.time() - self._used_at
        return 0 <= idle < self._limits.idle_seconds and super().is_connected

    def _new_conn(self) -> socket.socket:
        """Connect to the first address that answers. All addresses share the timeout, and the TLS handshake too."""
        seconds = self._limits.within(_seconds(self.timeout))
        ends = time.monotonic() + seconds
        last: OSError | None = None
        addresses = self._addresses()
        for position, address in enumerate(addresses):
            left = max(_SHORTEST_SECONDS, ends - time.monotonic())
            try:
                sock = create_connection(
                    address, left / (len(addresses) - position), self.source_address, self.socket_options
                )
            except OSError as error:
                last = error
                continue
            sock.settimeout(max(_SHORTEST_SECONDS, ends - time.monotonic()))
            return sock
        if isinstance(last, TimeoutError):
            raise ConnectTimeoutError(self, f"no connection to {self.host} within {seconds} s") from last
        raise NewConnectionError(self, f"no connection to {self.host}: {last}") from last

    def _addresses(self) -> Sequence[tuple[str, int]]:
        try:
            found = socket.getaddrinfo(self._dns_host, self.port, allowed_gai_family(), socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            reason = error if isinstance(error, socket.gaierror) else socket.gaierror(str(error))
            raise NameResolutionError(self.host, self, reason) from error
        return [(str(address[0]), int(address[1])) for *_, address in found]

    def request(self, *args: Any, **options: Any) -> None:  # Any: urllib3's signature
        if self.sock is None:
            self.connect()
        if self._limits.clock.monotonic() > self._limits.send_by:
            raise ConnectTimeoutError(self, "connected too late: no time is left to wait for an answer")
        self.sock.settimeout(self._limits.within(_seconds(self.timeout)))
        self._used_at = self._limits.clock.time()
        super().request(*args, **options)
        self._limits.was_sent = True

    def getresponse(self) -> Any:  # Any: urllib3's response, whose two classes share no type that is exported
        self.timeout = self._limits.within(_seconds(self.timeout))
        response = super().getresponse()
        self._used_at = self._limits.clock.time()
        return response


def _seconds(timeout: object) -> float | None:
    return timeout if isinstance(timeout, int | float) else None


class _LimitedTls(_Limited, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    def __init__(self, limits: Limits, *args: Any, **options: Any) -> None:  # Any: urllib3's signature
        super().__init__(*args, **options)
        self.ConnectionCls = functools.partial(_Limited, limits)  # type: ignore[assignment]  # it is only called


class _TlsPool(HTTPSConnectionPool):
    def __init__(self, limits: Limits, *args: Any, **options: Any) -> None:  # Any: urllib3's signature
        super().__init__(*args, **options)
        self.ConnectionCls = functools.partial(_LimitedTls, limits)  # type: ignore[assignment]  # it is only called


def limit(manager: PoolManager, limits: Limits) -> None:
    """Make a pool manager open connections that keep to these limits."""
    manager.pool_classes_by_scheme = {
        "http": functools.partial(_Pool, limits),  # type: ignore[dict-item]  # it is only called
        "https": functools.partial(_TlsPool, limits),  # type: ignore[dict-item]  # it is only called
    }


def tls_context(ca_bundle: str | None = None) -> ssl.SSLContext:
    """Read the certificates once for all connections: requests and botocore read them, 16 to 40 ms, for each."""
    if ca_bundle and Path(ca_bundle).is_dir():
        return ssl.create_default_context(capath=ca_bundle)
    return ssl.create_default_context(cafile=ca_bundle or certifi.where())
