"""The Lambda Runtime API, as one execution environment's process sees it.

Source: "Using the Lambda runtime API" in the AWS Lambda Developer Guide, version 2018-06-01. One server serves one
process and ends with it. So an event is never handed to a connection whose process is gone.
"""

from __future__ import annotations

import json
import queue
import threading
import uuid
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sandbox.http_server import LoopbackHandler, LoopbackServer

_PREFIX = "/2018-06-01/runtime/"


@dataclass(frozen=True)
class Result:
    """The result of one invocation: the function's payload, or an error and a payload that describes it.

    function_error: None, or "Unhandled" as in the X-Amz-Function-Error header
    """

    payload: Any
    function_error: str | None = None
    request_id: str = ""


@dataclass
class Invocation:
    """One event on its way to the function, and where its result is awaited.

    deadline: when the function's timeout is over, in epoch seconds
    """

    event: bytes
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    result: Future[Result] = field(default_factory=Future)
    deadline: float = 0.0


@dataclass(frozen=True)
class Ready:
    """The process finished its initialisation and asks for work."""


@dataclass(frozen=True)
class InitError:
    """The process could not load its handler; `payload` is the runtime client's own description."""

    payload: Any


@dataclass(frozen=True)
class Exited:
    """The process ended. `code` is an exit code, or a negative signal number."""

    code: int


ProcessEvent = Ready | InitError | Exited | Result


class RuntimeApi(LoopbackServer):
    """Hands events to one process and reports on the queue `events` what the process does."""

    def __init__(self, function_arn: str) -> None:
        super().__init__(_Handler)
        self.function_arn = function_arn
        self.events: queue.SimpleQueue[ProcessEvent] = queue.SimpleQueue()
        self._handed: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._ready = False
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        """host:port, for AWS_LAMBDA_RUNTIME_API."""
        return self.base_url.removeprefix("http://")

    def hand_over(self, invocation: Invocation) -> None:
        """Give `invocation` to the process."""
        self._handed.put(invocation)

    def next(self) -> Invocation | None:
        """Block until there is an event for the process; None when this environment ends."""
        if not self._ready:
            self._ready = True
            self.events.put(Ready())
        return self._handed.get()

    def close(self) -> None:
        """Let the process's request end without an event, and stop listening."""
        self._handed.put(None)
        self.shutdown()
        self.server_close()


class _Handler(LoopbackHandler):
    server: RuntimeApi

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        if self.path != _PREFIX + "invocation/next":
            return self.answer(404)
        invocation = self.server.next()
        if invocation is None:
            self.close_connection = True
            return None
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.server.function_arn,
            "Lambda-Runtime-Trace-Id": _trace_id(invocation.request_id),
        }
        return self.answer(200, invocation.event, headers)

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        body = self.read_body()
        match self.path.removeprefix(_PREFIX).split("/"):
            case ["invocation", request_id, "response"]:
                self.server.events.put(_response(body, request_id))
            case ["invocation", request_id, "error"]:
                self.server.events.put(Result(_error(body), "Unhandled", request_id))
            case ["init", "error"]:
                self.server.events.put(InitError(_error(body)))
            case _:
                return self.answer(404)
        return self.answer(202, b'{"status":"OK"}')


def _response(body: bytes, request_id: str) -> Result:
    try:
        return Result(json.loads(body) if body else None, None, request_id)
    except ValueError:
        error = {"errorType": "Runtime.InvalidResponse", "errorMessage": "the response is not JSON"}
        return Result(error, "Unhandled", request_id)


def _error(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return {"errorType": "Unknown", "errorMessage": body.decode(errors="replace")}


def _trace_id(request_id: str) -> str:
    digits = request_id.replace("-", "")
    return f"Root=1-{digits[:8]}-{digits[8:]};Parent={digits[:16]};Sampled=0"
