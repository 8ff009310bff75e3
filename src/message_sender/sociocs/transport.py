"""A requests session for one API that can say whether a request went out, and that never waits longer than it was told.

Three things that requests alone does not give, each through a public seam of requests, urllib3 or http.client:

- whether the whole request was handed to the network: before that a failure cannot have sent a message;
- a limit on the whole answer: requests' read timeout starts anew with every byte;
- no reuse of a connection that was idle for longer than servers keep one, or while the function was frozen.
"""

import io
import socket
import ssl
import threading
import time
from http.client import HTTPResponse
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

IDLE_SECONDS = 2.0
"""Below the 5 s after which common servers (Node, Apache) close an idle connection."""


class _Progress(threading.local):
    sent = False


_progress = _Progress()


def start_request() -> None:
    """Forget what this thread sent before."""
    _progress.sent = False


def request_was_sent() -> bool:
    """Say whether this thread's latest request was handed to the network, whole."""
    return _progress.sent


class _LimitedSocketIO(io.RawIOBase):
    """Reads from a socket until a moment, not for a while from each byte on."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until
        # Holds a reference to the socket, which "Connection: close" closes before the body was read.
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
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
    def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
        super().__init__(_LimitedSocket(sock), *args, **options)  # type: ignore[arg-type]  # only makefile is used

    def begin(self) -> None:
        """Read up to the final answer. http.client skips 100 alone; 102 and 103 are interim too (RFC 9110, 15.2)."""
        super().begin()
        while self.status in (102, 103):
            # Taken for an answer, the real one would be read as that of the connection's next request.
            self.headers = self.msg = None  # type: ignore[assignment]  # as before the first: begin() does nothing otherwise
            super().begin()


class _Tracked(HTTPConnection):
    """A connection that notes when it was used and when a request has gone out."""

    response_class = _LimitedResponse
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        # Wall clock: the monotonic one may stand still while Lambda has the function frozen.
        return time.time() - self._used_at < IDLE_SECONDS and super().is_connected

    def request(self, *args: Any, **options: Any) -> None:
        self._used_at = time.time()
        super().request(*args, **options)
        _progress.sent = True

    def getresponse(self) -> Any:
        response = super().getresponse()
        self._used_at = time.time()
        return response


class _TrackedTls(_Tracked, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Tracked


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TrackedTls


class _Adapter(HTTPAdapter):
    """One TLS context for all connections: requests reads the CA bundle, 16 ms of work, for each of them."""

    def __init__(self, tls: ssl.SSLContext, connections: int) -> None:
        self._tls = tls
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._tls, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002 - requests' signature
        # The context verifies, with the certificates that it has loaded.
        conn.cert_reqs = "CERT_REQUIRED"


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Lead nowhere: even when told not to follow, requests reads the whole body, and raises over a bad Location."""


def open_session(connections: int, tls: ssl.SSLContext | None = None) -> requests.Session:
    """Open a session that keeps up to so many connections, and reads no proxy or credentials from its surroundings."""
    session = _Session()
    session.trust_env = False
    adapter = _Adapter(tls or ssl.create_default_context(cafile=certifi.where()), connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
