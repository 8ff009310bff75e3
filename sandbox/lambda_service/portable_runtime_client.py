"""A runtime client for platforms without wheels of `awslambdaric` (macOS, Windows): the same protocol.

`python -m sandbox.lambda_service.portable_runtime_client HANDLER` asks the Runtime API for events and posts what the
handler returns or raises. It is a process as well, so deadlines, crashes and environments work as on Linux.
"""

from __future__ import annotations

import http.client
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_PREFIX = "/2018-06-01/runtime/"


@dataclass
class Context:
    """The fields of Lambda's context object that functions use."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    function_name: str = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
    function_version: str = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "")
    memory_limit_in_mb: str = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    log_group_name: str = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
    log_stream_name: str = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the process is killed."""
        return max(0, int(self.deadline_ms - time.time() * 1000))


def main() -> None:
    """Load the handler, then serve until killed."""
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = _load(sys.argv[1])
    except Exception as error:  # noqa: BLE001 - the Runtime API is told of every error
        traceback.print_exc()
        _post(connection, "init/error", _describe(error))
        sys.exit(1)
    while True:
        _serve_one(connection, handler)


def _load(name: str) -> Callable[[Any, Context], Any]:
    module, _, attribute = name.rpartition(".")
    handler: Callable[[Any, Context], Any] = getattr(importlib.import_module(module), attribute)
    return handler


def _serve_one(connection: http.client.HTTPConnection, handler: Callable[[Any, Context], Any]) -> None:
    connection.request("GET", _PREFIX + "invocation/next")
    response = connection.getresponse()
    event = json.loads(response.read())
    request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
    os.environ["_X_AMZN_TRACE_ID"] = response.headers["Lambda-Runtime-Trace-Id"]
    context = Context(
        request_id,
        response.headers["Lambda-Runtime-Invoked-Function-Arn"],
        int(response.headers["Lambda-Runtime-Deadline-Ms"]),
    )
    try:
        answer = json.dumps(handler(event, context))
    except Exception as error:  # noqa: BLE001 - the Runtime API is told of every error
        traceback.print_exc()
        _post(connection, f"invocation/{request_id}/error", _describe(error))
    else:
        _post(connection, f"invocation/{request_id}/response", answer)


def _describe(error: Exception) -> str:
    return json.dumps(
        {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "stackTrace": traceback.format_tb(error.__traceback__),
        }
    )


def _post(connection: http.client.HTTPConnection, path: str, body: str) -> None:
    connection.request("POST", _PREFIX + path, body.encode())
    connection.getresponse().read()


if __name__ == "__main__":
    main()
