"""Receives the invocations that the AWS endpoint forwards, such as those of an EventBridge rule.

POST {"function_name": str, "event": any, "invocation_type": "Event" | "RequestResponse"}
-> 202 for Event
-> 200 {"payload": any, "function_error": str | null} for RequestResponse
-> 404 for a function that nobody attached
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from sandbox.lambda_service.runtime import Runtime


class InvokeEndpoint:
    """Listens from the start, so that the AWS endpoint can know its URL before the function is deployed."""

    def __init__(self) -> None:
        self.runtimes: dict[str, Runtime] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.runtimes = self.runtimes
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """Where to POST."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def attach(self, runtime: Runtime) -> None:
        """From now on, invocations of the runtime's function go to it."""
        self.runtimes[runtime.function.name] = runtime

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    runtimes: dict[str, Runtime]


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = str(request["function_name"]).rsplit(":", 1)[-1]  # a name or an ARN
        runtime = self.server.runtimes.get(name)
        if runtime is None:
            self._answer(404, {"error": f"function not found: {name}"})
        elif request.get("invocation_type", "RequestResponse") == "Event":
            runtime.invoke_asynchronously(request["event"])
            self._answer(202, {})
        else:
            result = runtime.invoke(request["event"])
            self._answer(200, {"payload": result.payload, "function_error": result.function_error})

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server gave it
        """Forwarded invocations are logged by the function itself."""
