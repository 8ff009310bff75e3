"""The HTTP side: HTTP/1.1 with connections kept alive, one thread a connection, loopback only."""

from __future__ import annotations

import itertools
import json
import sys
from dataclasses import replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from sandbox.sociocs.control import PREFIX, control
from sandbox.sociocs.inbox import CONTENT_SECURITY_POLICY, inbox_page
from sandbox.sociocs.simulator import Answer, Arrival, Simulator, error_answer

# SQS carries 1 MiB; a body beyond twice that is not read into memory.
MOST_BODY_BYTES = 2 * 1024 * 1024


class SociocsServer(ThreadingHTTPServer):
    """Serves one simulator on 127.0.0.1; `port` 0 takes a free one."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        self.simulator = simulator
        self._connections = itertools.count(1)
        super().__init__(("127.0.0.1", port), _Handler)

    @property
    def base_url(self) -> str:
        """Where it is to be reached."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def next_connection(self) -> int:
        """Number a new connection, from 1."""
        return next(self._connections)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A sender that was killed in mid-request is a test, not an error to print; anything else is printed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _BadBodyError(Exception):
    """The body cannot be read: its length is missing, wrong or too much, or the peer left before its end."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # buffered until flush()
    server: SociocsServer
    server_version = "SociocsSimulator"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.connection_number = self.server.next_connection()

    def _serve(self) -> None:
        path = urlsplit(self.path).path
        if path.startswith(PREFIX):
            self._serve_control()
        elif path in ("/", "/favicon.ico") and self.command in ("GET", "HEAD"):
            self._serve_page(path)
        else:
            self._serve_api(path)

    # http.server looks for these names.
    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815

    def _serve_api(self, path: str) -> None:
        simulator = self.server.simulator
        arrival = Arrival(
            method=self.command,
            path=path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=None,
            connection=self.connection_number,
        )
        is_message = path == "/message" and self.command == "POST"
        if is_message and simulator.dropped_unread(arrival):
            self.close_connection = True
            return
        try:
            body = self._body()
        except _BadBodyError as problem:
            self.close_connection = True
            self._send(simulator.unreadable(arrival, str(problem)))
            return
        reply = simulator.receive(replace(arrival, body=body))
        simulator.wait_turn(reply)
        if reply.answer is None:
            self.close_connection = True
            simulator.finish(reply, "dropped")
            return
        try:
            self._send(reply.answer)
        except ConnectionError:
            self.close_connection = True
            simulator.finish(reply, "unsendable")
        else:
            simulator.finish(reply, "sent")

    def _serve_control(self) -> None:
        try:
            body = self._body()
        except _BadBodyError as problem:
            self.close_connection = True
            self._send(Answer(status=400, body=json.dumps({"error": str(problem)}).encode()))
            return
        # A web page may post a form to loopback from any site, but not JSON: this keeps other pages out.
        if self.command != "GET" and self.headers.get("Content-Type") != "application/json":
            self._send(Answer(status=415, body=b'{"error": "Content-Type must be application/json"}'))
            return
        status, value = control(self.server.simulator, self.command, self.path, body)
        self._send(Answer(status=status, body=json.dumps(value).encode()))

    def _serve_page(self, path: str) -> None:
        if path == "/favicon.ico":
            self._send(Answer(status=404))
            return
        page = inbox_page(self.server.simulator, self.server.base_url)
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"}
        self._send(
            Answer(
                status=200, headers=headers, body=page.encode(errors="replace"), content_type="text/html; charset=utf-8"
            )
        )

    def _send(self, answer: Answer) -> None:
        """Head and body in one write, so that they leave in one packet."""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.body:
            self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._chunked_body()
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit():
            raise _BadBodyError("Invalid Content-Length.")
        return self._exactly(int(length))

    def _chunked_body(self) -> bytes:
        body = b""
        while True:
            try:
                size = int(self.rfile.readline(1024).partition(b";")[0], 16)
            except ValueError:
                raise _BadBodyError("Invalid chunk.") from None
            if size < 0 or size + len(body) > MOST_BODY_BYTES:
                raise _BadBodyError("Request body is too large.")
            body += self._exactly(size)
            if size == 0:
                while self.rfile.readline(1024) not in (b"\r\n", b"\n", b""):
                    pass
                return body
            self.rfile.readline(1024)

    def _exactly(self, length: int) -> bytes:
        if length > MOST_BODY_BYTES:
            raise _BadBodyError("Request body is too large.")
        body = self.rfile.read(length)
        if len(body) < length:
            raise _BadBodyError("Request body ended too early.")
        return body

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002  # http.server's signature
        """What http.server itself refuses, in the API's own form. An unknown method is one that is not allowed."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus.BAD_REQUEST
        self.close_connection = True
        self._send(error_answer(status, [message or status.phrase]))

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's signature
        """Requests are recorded, not printed."""
