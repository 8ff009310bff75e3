"""The Lambda Runtime API, as one execution environment's process sees it.

Source: "Using the Lambda runtime API" in the AWS Lambda Developer Guide, version 2018-06-01. One server serves one
process and ends with it. So an event is never handed to a connection whose process is gone.
"""

from __future__ import annotations

import json
import queue
import threading
import time
import uuid
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from sandbox.http_server import LoopbackHandler, LoopbackServer

_PREFIX = "/2018-06-01/runtime/"
INITIALISATION = "initialisation"
"""In place of a request id: the result of the process's initialisation."""
_EXIT = "exit"


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


def failed(error_type: str, message: str, request_id: str = "") -> Result:
    """Return the result of an invocation that failed."""
    return Result({"errorType": error_type, "errorMessage": message}, "Unhandled", request_id)


class RuntimeApi(LoopbackServer):
    """Hands events to one process and tells what became of them."""

    def __init__(self, function_arn: str) -> None:
        super().__init__(_Handler)
        self.function_arn = function_arn
        self.results: queue.SimpleQueue[Result] = queue.SimpleQueue()
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

    def exited(self, text: str) -> None:
        """Note that the process ended."""
        self.results.put(failed("Runtime.ExitError", text, _EXIT))

    def wait_for(self, request_id: str, timeout: float) -> Result | None:
        """Return the result of this request, or the process's exit; None after `timeout` seconds."""
        end = time.monotonic() + timeout
        try:
            while True:
                result = self.results.get(timeout=max(0.0, end - time.monotonic()))
                if result.request_id in (request_id, _EXIT):
                    return result
        except queue.Empty:
            return None

    def next(self) -> Invocation | None:
        """Block until there is an event for the process; None when this environment ends."""
        if not self._ready:
            self._ready = True
            self.results.put(Result(None, None, INITIALISATION))
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
        digits = invocation.request_id.replace("-", "")
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int(invocation.deadline * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.server.function_arn,
            "Lambda-Runtime-Trace-Id": f"Root=1-{digits[:8]}-{digits[8:]};Parent={digits[:16]};Sampled=0",
        }
        return self.answer(200, invocation.event, headers)

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        body = self.read_body()
        match self.path.removeprefix(_PREFIX).split("/"):
            case ["invocation", request_id, "response"]:
                self.server.results.put(_response(body, request_id))
            case ["invocation", request_id, "error"]:
                self.server.results.put(_error(body, request_id))
            case ["init", "error"]:
                self.server.results.put(_error(body, INITIALISATION))
            case _:
                return self.answer(404)
        return self.answer(202, b'{"status":"OK"}')


def _response(body: bytes, request_id: str) -> Result:
    try:
        return Result(json.loads(body) if body else None, None, request_id)
    except ValueError:
        return failed("Runtime.InvalidResponse", "the response is not JSON", request_id)


def _error(body: bytes, request_id: str) -> Result:
    try:
        return Result(json.loads(body), "Unhandled", request_id)
    except ValueError:
        return failed("Unknown", body.decode(errors="replace"), request_id)
