"""Receives the invocations that the AWS endpoint forwards, such as those of an EventBridge rule.

POST {"function_name": str, "event": any, "invocation_type": "Event" | "RequestResponse"}
-> 202 for Event
-> 200 {"payload": any, "function_error": str | null} for RequestResponse
-> 404 for a function that was not attached
"""

from __future__ import annotations

import json
import threading

from sandbox.http_server import LoopbackHandler, LoopbackServer
from sandbox.lambda_service.runtime import Runtime


class InvokeEndpoint(LoopbackServer):
    """Listens from the start, so that the AWS endpoint can know its URL before the function is deployed."""

    def __init__(self) -> None:
        super().__init__(_Handler)
        self.runtimes: dict[str, Runtime] = {}
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def attach(self, runtime: Runtime) -> None:
        """Send the invocations of the runtime's function to it from now on."""
        self.runtimes[runtime.function.name] = runtime

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()


class _Handler(LoopbackHandler):
    server: InvokeEndpoint

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        request = json.loads(self.read_body())
        name = request["function_name"].rsplit(":", 1)[-1]  # a name or an ARN
        runtime = self.server.runtimes.get(name)
        if runtime is None:
            self.answer(404, json.dumps({"error": f"function not found: {name}"}).encode())
        elif request["invocation_type"] == "Event":
            runtime.invoke_asynchronously(request["event"])
            self.answer(202, b"{}")
        else:
            result = runtime.invoke(request["event"])
            self.answer(200, json.dumps({"payload": result.payload, "function_error": result.function_error}).encode())
