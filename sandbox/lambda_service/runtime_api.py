"""The Lambda Runtime API, as one execution environment's process sees it.

Source: "Using the Lambda runtime API" in the AWS Lambda Developer Guide, version 2018-06-01. One server
serves one process and ends with it, so that an event is never handed to a connection whose process is gone.
"""

from __future__ import annotations

import json
import queue
import threading
import uuid
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_PREFIX = "/2018-06-01/runtime/"


@dataclass(frozen=True)
class Result:
    """What became of one invocation: the function's payload, or an error and a payload that describes it."""

    payload: Any
    function_error: str | None = None  # "Unhandled", as in the X-Amz-Function-Error header
    request_id: str = ""


@dataclass
class Invocation:
    """One event on its way to the function, and where its result is awaited."""

    event: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    result: Future[Result] = field(default_factory=Future)


@dataclass(frozen=True)
class Ready:
    """The process finished its initialisation and asks for work."""


@dataclass(frozen=True)
class InitError:
    """The process could not load its handler; `payload` is the runtime client's own description."""

    payload: Any


@dataclass(frozen=True)
class Exited:
    """The process ended: an exit code, or a negative signal number."""

    code: int


ProcessEvent = Ready | InitError | Exited | Result


@dataclass(frozen=True)
class _Handed:
    invocation: Invocation
    deadline_ms: int


class RuntimeApi:
    """Hands events to one process and reports what the process does on the queue `events`."""

    def __init__(self, function_arn: str) -> None:
        self.function_arn = function_arn
        self.events: queue.SimpleQueue[ProcessEvent] = queue.SimpleQueue()
        self._handed: queue.SimpleQueue[_Handed | None] = queue.SimpleQueue()
        self._ready = False
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.api = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """host:port, for AWS_LAMBDA_RUNTIME_API."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def hand_over(self, invocation: Invocation, deadline: float) -> None:
        """Give `invocation` to the process; `deadline` in seconds since the epoch."""
        self._handed.put(_Handed(invocation, int(deadline * 1000)))

    def next(self) -> _Handed | None:
        """Block until there is an event for the process; None when this environment ends."""
        if not self._ready:
            self._ready = True
            self.events.put(Ready())
        return self._handed.get()

    def close(self) -> None:
        """Let the process's request end without an event, and stop listening."""
        self._handed.put(None)
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    api: RuntimeApi

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A killed process leaves its connection broken: nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body are two writes: Nagle costs an invocation 40 to 85 ms
    server: _Server

    def do_GET(self) -> None:
        if self.path != _PREFIX + "invocation/next":
            return self._answer(404)
        handed = self.server.api.next()
        if handed is None:
            self.close_connection = True
            return None
        request_id = handed.invocation.request_id
        return self._answer(
            200,
            handed.invocation.event,
            {
                "Lambda-Runtime-Aws-Request-Id": request_id,
                "Lambda-Runtime-Deadline-Ms": str(handed.deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": self.server.api.function_arn,
                "Lambda-Runtime-Trace-Id": _trace_id(request_id),
            },
        )

    def do_POST(self) -> None:
        body = self._body()
        events = self.server.api.events
        match self.path.removeprefix(_PREFIX).split("/"):
            case ["invocation", request_id, "response"]:
                events.put(_response(body, request_id))
            case ["invocation", request_id, "error"]:
                events.put(Result(_json(body), "Unhandled", request_id))
            case ["init", "error"]:
                events.put(InitError(_json(body)))
            case _:
                return self._answer(404)
        return self._answer(202, b'{"status":"OK"}')

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _answer(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gave it
        """Requests of the Runtime API are not worth a line each."""


def _response(body: bytes, request_id: str) -> Result:
    try:
        return Result(json.loads(body) if body else None, None, request_id)
    except ValueError:
        error = {"errorType": "Runtime.InvalidResponse", "errorMessage": "the response is not JSON"}
        return Result(error, "Unhandled", request_id)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {"errorType": "Unknown", "errorMessage": body.decode(errors="replace")}


def _trace_id(request_id: str) -> str:
    digits = request_id.replace("-", "")
    return f"Root=1-{digits[:8]}-{digits[8:]};Parent={digits[:16]};Sampled=0"
