"""The Lambda service's side of one function: execution environments, synchronous and asynchronous invocation.

    invoke(event) ──────────────────> one execution environment ──> Result
    invoke_asynchronously(event) ──> up to three attempts ──> on-failure destination

Each execution environment has one file under `log_directory`. It holds what the function writes to standard output
and standard error: log lines, and metrics in CloudWatch's embedded metric format.
"""

from __future__ import annotations

import json
import logging
import queue
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sandbox.aws.callers import PLATFORM_ACCESS_KEY_ID, client
from sandbox.lambda_service.execution_environment import ExecutionEnvironment, runtime_client_module
from sandbox.lambda_service.function import Function
from sandbox.lambda_service.runtime_api import Invocation, Result

logger = logging.getLogger("sandbox.lambda_service.runtime")

# Lambda waits one and then two minutes before it tries an asynchronous event again.
ASYNCHRONOUS_RETRY_WAITS_SECONDS = (60.0, 120.0)


class FunctionInitError(RuntimeError):
    """The function's code could not be loaded. The message says why, with the end of the function's log."""


class Runtime:
    """Runs one function in `environments` processes. Use it as a context manager, or call `start` and `stop`."""

    def __init__(
        self,
        function: Function,
        environments: int = 1,
        *,
        log_directory: Path | None = None,
        runtime_client: str | None = None,
        retry_waits_seconds: Sequence[float] = ASYNCHRONOUS_RETRY_WAITS_SECONDS,
    ) -> None:
        self.function = function
        self._temporary = None if log_directory else tempfile.TemporaryDirectory(prefix="sandbox-logs-")
        self.log_directory = log_directory or Path(self._temporary.name if self._temporary else "")
        self.log_directory.mkdir(parents=True, exist_ok=True)
        self._retry_waits_seconds = tuple(retry_waits_seconds)
        self._work: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self._environments = [
            ExecutionEnvironment(
                function,
                self._work,
                self.log_directory / f"{function.name}-{number}.log",
                runtime_client or runtime_client_module(),
            )
            for number in range(1, environments + 1)
        ]
        self._state = threading.Condition()
        self._running = 0
        self._asynchronous = 0
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> Self:
        """Start every execution environment and wait until each has loaded the function; or raise FunctionInitError."""
        for environment in self._environments:
            environment.start()
        for environment in self._environments:
            environment.initialised.wait()
            if environment.init_failure is not None:
                failure, log = environment.init_failure.payload, "\n".join(self.log_lines()[-20:])
                self.stop()
                reason = f"{failure.get('errorType')}: {failure.get('errorMessage')}"
                raise FunctionInitError(f"{self.function.handler}: {reason}\n{log}")
        return self

    def stop(self) -> None:
        """End every process at once. Invocations under way or waiting for their turn fail. Safe to call twice."""
        with self._state:  # so that no invocation is queued behind the None that ends a thread
            self._stopped.set()
            for _ in self._environments:
                self._work.put(None)
        for environment in self._environments:
            environment.abort()
        for environment in self._environments:
            if environment.ident is not None:
                environment.join()
        while not self._work.empty():
            if (left := self._work.get()) is not None:
                left.result.set_result(_stopped(left))
        if self._temporary is not None:
            self._temporary.cleanup()

    @property
    def process_ids(self) -> list[int]:
        """The processes that are ready or at work, for tests that kill one."""
        return [pid for environment in self._environments if (pid := environment.process_id) is not None]

    @property
    def busy(self) -> bool:
        """Whether an invocation runs, or an asynchronous event waits for another attempt."""
        return self._running > 0 or self._asynchronous > 0

    def invoke(self, event: Any) -> Result:
        """Run the function on `event` and wait for its result. An error of the function is a result too."""
        invocation = Invocation(json.dumps(event).encode())
        with self._state:
            if self._stopped.is_set():
                return _stopped(invocation)
            self._running += 1
            self._work.put(invocation)
        try:
            return invocation.result.result()
        finally:
            with self._state:
                self._running -= 1
                self._state.notify_all()

    def invoke_asynchronously(self, event: Any) -> Future[Result]:
        """Accept an asynchronous event. It is tried up to three times, then sent to the on-failure destination."""
        done: Future[Result] = Future()
        with self._state:
            self._asynchronous += 1
        threading.Thread(target=self._run_asynchronously, args=(event, done), daemon=True).start()
        return done

    def wait_until_idle(self, timeout: float) -> bool:
        """Wait until nothing runs or waits to run; False when `timeout` seconds did not suffice."""
        with self._state:
            return self._state.wait_for(lambda: not self.busy, timeout)

    def log_lines(self) -> list[str]:
        """All lines that the function's processes wrote, by execution environment."""
        return [
            line
            for path in sorted(self.log_directory.glob(f"{self.function.name}-*.log"))
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        ]

    def log_records(self) -> list[dict[str, Any]]:
        """The log lines that are JSON objects."""
        return [record for line in self.log_lines() if isinstance(record := _json(line), dict)]

    def metrics(self) -> list[dict[str, Any]]:
        """The log lines that are metrics in CloudWatch's embedded metric format."""
        return [record for record in self.log_records() if "_aws" in record]

    def _run_asynchronously(self, event: Any, done: Future[Result]) -> None:
        result = Result(None)
        attempts = 0
        try:
            for wait in (0.0, *self._retry_waits_seconds[: self.function.maximum_retry_attempts]):
                if wait and self._stopped.wait(wait):
                    break
                attempts += 1
                result = self.invoke(event)
                if result.function_error is None:
                    break
            if result.function_error is not None and not self._stopped.is_set():
                self._send_to_destination(event, result, attempts)
        except Exception:
            logger.exception("%s: the on-failure destination did not get an event, which is lost", self.function.name)
        finally:
            with self._state:
                self._asynchronous -= 1
                self._state.notify_all()
            done.set_result(result)

    def _send_to_destination(self, event: Any, result: Result, attempts: int) -> None:
        arn = self.function.on_failure_arn
        if arn is None:
            message = "%s: an event failed %d times and is lost, since there is no on-failure destination: %s"
            logger.warning(message, self.function.name, attempts, result.payload)
            return
        sqs = client("sqs", self.function.endpoint_url, PLATFORM_ACCESS_KEY_ID)
        url = sqs.get_queue_url(QueueName=arn.rsplit(":", 1)[1])["QueueUrl"]
        record = invocation_record(self.function, event, result, attempts)
        sqs.send_message(QueueUrl=url, MessageBody=json.dumps(record))


def invocation_record(function: Function, event: Any, result: Result, attempts: int) -> dict[str, Any]:
    """Return what Lambda sends to an on-failure destination.

    Source: "Capturing records of Lambda asynchronous invocations" in the AWS Lambda Developer Guide.
    """
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": result.request_id,
            "functionArn": f"{function.arn}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": result.function_error,
        },
        "responsePayload": result.payload,
    }


def _stopped(invocation: Invocation) -> Result:
    return Result({"errorType": "Sandbox.Stopped"}, "Unhandled", invocation.request_id)


def _json(line: str) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None
