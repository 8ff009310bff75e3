"""What the sandbox's own HTTP servers have in common: loopback only, HTTP/1.1, one thread for each connection."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class LoopbackServer(ThreadingHTTPServer):
    """Listens on 127.0.0.1; `port` 0 takes a free one."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 512

    def __init__(self, handler: type[LoopbackHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)

    @property
    def base_url(self) -> str:
        """Its URL, without a path."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print an error, unless the peer has gone: tests and the sandbox kill processes in the middle of a request."""
        if not isinstance(sys.exception(), (ConnectionError, BadBodyError)):
            super().handle_error(request, client_address)


class BadBodyError(Exception):
    """The body cannot be read: its length is missing, wrong or too much, or the peer left before its end."""


class LoopbackHandler(BaseHTTPRequestHandler):
    """Reads bodies of any kind and writes answers in one packet."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # Nagle's algorithm costs a request 40 to 85 ms
    wbufsize = -1  # buffered until flush(): head and body leave together

    def answer(
        self,
        status: int,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        content_type: str = "application/json",
    ) -> None:
        """Send an answer; ConnectionError when the peer has gone."""
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def read_body(self, most_bytes: int = 64 * 1024 * 1024) -> bytes:
        """Read the request's body; BadBodyError when it cannot be read or has more than `most_bytes` bytes."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked_body(most_bytes)
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit():
            raise BadBodyError("Invalid Content-Length.")
        return self._exactly(int(length), most_bytes)

    def _chunked_body(self, most_bytes: int) -> bytes:
        body = b""
        while True:
            try:
                size = int(self.rfile.readline(1024).partition(b";")[0], 16)
            except ValueError:
                raise BadBodyError("Invalid chunk.") from None
            body += self._exactly(size, most_bytes - len(body))
            if size == 0:
                while self.rfile.readline(1024) not in (b"\r\n", b"\n", b""):
                    pass
                return body
            self.rfile.readline(1024)

    def _exactly(self, length: int, most_bytes: int) -> bytes:
        if not 0 <= length <= most_bytes:
            raise BadBodyError("Request body is too large.")
        body = self.rfile.read(length)
        if len(body) < length:
            raise BadBodyError("Request body ended too early.")
        return body

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
        """Print nothing: requests are recorded elsewhere."""
