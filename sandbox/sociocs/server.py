"""The HTTP side of the simulator: the API, the control API and the inbox page."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from http import HTTPStatus
from urllib.parse import urlsplit

from sandbox.http_server import BadBodyError, LoopbackHandler, LoopbackServer
from sandbox.sociocs.answer import Answer, refused
from sandbox.sociocs.control import PREFIX, control
from sandbox.sociocs.inbox import CONTENT_SECURITY_POLICY, inbox_page
from sandbox.sociocs.simulator import Arrival, Simulator

# A message that SQS can carry has 1 MiB at most. A body of more than twice that is not read into memory.
MOST_BODY_BYTES = 2 * 1024 * 1024


class SociocsServer(LoopbackServer):
    """Serves one simulator on 127.0.0.1; `port` 0 takes a free one."""

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        self.simulator = simulator
        self.connections = itertools.count(1)
        super().__init__(_Handler, port)


class _Handler(LoopbackHandler):
    server: SociocsServer
    server_version = "SociocsSimulator"
    sys_version = ""

    def setup(self) -> None:
        super().setup()
        self.connection_number = next(self.server.connections)

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
        if simulator.dropped_unread(arrival):
            self.close_connection = True
            return
        try:
            body = self.read_body(MOST_BODY_BYTES)
        except BadBodyError as problem:
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
            body = self.read_body(MOST_BODY_BYTES)
        except BadBodyError as problem:
            self.close_connection = True
            self.answer(400, json.dumps({"error": str(problem)}).encode())
            return
        # Any web page may post a form to loopback, but not JSON. This keeps the pages of other sites out.
        if self.command != "GET" and self.headers.get("Content-Type") != "application/json":
            self.answer(415, b'{"error": "Content-Type must be application/json"}')
            return
        status, value = control(self.server.simulator, self.command, self.path, body)
        self.answer(status, json.dumps(value).encode())

    def _serve_page(self, path: str) -> None:
        if path == "/favicon.ico":
            self.answer(404)
            return
        page = inbox_page(self.server.simulator, self.server.base_url).encode(errors="replace")
        headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Cache-Control": "no-store"}
        self.answer(200, page, headers, content_type="text/html; charset=utf-8")

    def _send(self, answer: Answer) -> None:
        self.answer(answer.status, answer.body, answer.headers, content_type=answer.content_type)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002 - http.server's signature
        """Send in the API's own form what http.server itself refuses. An unknown method is one that is not allowed."""
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else HTTPStatus.BAD_REQUEST
        self.close_connection = True
        self._send(refused(status, [message or status.phrase]))
