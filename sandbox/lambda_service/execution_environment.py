"""One execution environment: one process of the function, one event at a time, killed at its timeout."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from sandbox.lambda_service.function import Function
from sandbox.lambda_service.runtime_api import INITIALISATION, Invocation, Result, RuntimeApi, failed

# Lambda allows 10 s. A busy laptop is slower, and only a process that hangs should meet this limit.
INIT_TIMEOUT_SECONDS = 60.0
_BOUND_TO_PARENT = Path(__file__).with_name("bound_to_parent.py")


def runtime_client_module() -> str:
    """Return the module of AWS's runtime client where it has wheels (Linux), elsewhere one of the same protocol."""
    native = importlib.util.find_spec("runtime_client")
    return "awslambdaric" if native else "sandbox.lambda_service.portable_runtime_client"


class ExecutionEnvironment(threading.Thread):
    """Takes invocations from `work` until it finds None there. A process that ended or overran is replaced.

    Only this thread starts the process, because the process gets its death signal when the thread that started it ends.

    initialised: set when the first process is ready or could not start
    init_failure: why the newest process could not start; None when it could
    """

    def __init__(
        self, function: Function, work: queue.SimpleQueue[Invocation | None], log_path: Path, runtime_client: str
    ) -> None:
        super().__init__(name=log_path.stem, daemon=True)
        self.initialised = threading.Event()
        self.init_failure: Result | None = None
        self._function = function
        self._work = work
        self._log_path = log_path
        self._runtime_client = runtime_client
        self._process: subprocess.Popen[bytes] | None = None
        self._api: RuntimeApi | None = None
        self._aborted = False
        self._starting = threading.Lock()  # held while a process is started: none is started after an abort

    @property
    def process_id(self) -> int | None:
        """The process that would serve the next event, if there is one."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def run(self) -> None:
        """Serve until there is no more work."""
        try:
            self._start_process()
            while (invocation := self._work.get()) is not None:
                try:
                    result = self._serve(invocation)
                except Exception as error:  # noqa: BLE001 - whoever waits for the result learns of every error
                    result = failed("Sandbox.Failed", f"{type(error).__name__}: {error}", invocation.request_id)
                invocation.result.set_result(result)
                if self.process_id is None and self.init_failure is None and not self._aborted:
                    self._start_process()  # before the next event needs it
        finally:
            self._end_process()

    def abort(self) -> None:
        """End the process at once and start no other. The invocation under way fails."""
        with self._starting:
            self._aborted = True
            if self._process is not None:
                self._process.kill()

    def _serve(self, invocation: Invocation) -> Result:
        if not self._aborted and (self.process_id is None or self.init_failure is not None):
            self._start_process()
        if self.init_failure is not None:
            return self.init_failure
        if self._aborted or self._api is None:
            return failed("Sandbox.Stopped", "the sandbox is stopping", invocation.request_id)
        seconds = self._function.timeout_seconds
        invocation.deadline = time.time() + seconds
        self._api.hand_over(invocation)
        result = self._api.wait_for(invocation.request_id, seconds)
        if result is not None and result.request_id == invocation.request_id:
            return result
        self._end_process()
        if result is None:
            result = failed("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")
        text = f"RequestId: {invocation.request_id} Error: {result.payload['errorMessage']}"
        with self._log_path.open("a", encoding="utf-8") as log:
            log.write(text + "\n")
        return failed(result.payload["errorType"], text, invocation.request_id)

    def _start_process(self) -> None:
        """Start a process and wait until it is ready; `init_failure` says why it is not."""
        try:
            self.init_failure = self._launch()
        except Exception as error:  # noqa: BLE001 - for example no more processes or files: the next event tries again
            self.init_failure = failed("Sandbox.StartFailed", f"{type(error).__name__}: {error}")
        finally:
            self.initialised.set()

    def _launch(self) -> Result | None:
        """Return None when the process is ready."""
        self._end_process()
        api = self._api = RuntimeApi(self._function.arn)
        command = [sys.executable, "-m", self._runtime_client, self._function.handler]
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", str(_BOUND_TO_PARENT), str(os.getpid()), *command]
        # The file is opened for appending, so that no process overwrites the lines of another.
        with self._log_path.open("ab") as log, self._starting:
            if self._aborted:
                return None
            process = self._process = subprocess.Popen(
                command,
                env=self._function.process_environment(api.address),
                cwd=self._function.code_root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches only the sandbox, which then ends this process in order
            )
        threading.Thread(target=lambda: api.exited(_exit_text(process.wait())), daemon=True).start()
        result = api.wait_for(INITIALISATION, INIT_TIMEOUT_SECONDS)
        if result is None:
            text = f"initialisation took more than {INIT_TIMEOUT_SECONDS:.0f} seconds"
            return failed("Sandbox.InitTimedout", text)
        return result if result.function_error else None

    def _end_process(self) -> None:
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.wait()
            self._process = None
        if self._api is not None:
            self._api.close()
            self._api = None


def _exit_text(code: int) -> str:
    if code < 0:
        return f"Runtime exited with error: signal: {signal.Signals(-code).name}"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    return "Runtime exited without providing a reason"
