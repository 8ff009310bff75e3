"""Starts the local AWS endpoint (sandbox/aws.py) in a process of its own, and ends it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_START_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 5.0


@contextmanager
def aws_endpoint(invoke_url: str, *, port: int = 0, time_scale: float = 1.0) -> Iterator[str]:
    """The endpoint's URL while the block lasts. The process also ends when this one does, however it ends.

    invoke_url: where invocations are sent, see `sandbox.invoke_endpoint`
    time_scale: see `sandbox.time_scale`
    """
    with tempfile.TemporaryDirectory(prefix="sandbox-aws-") as directory:
        ready_file = Path(directory) / "ready"
        module = ["sandbox.aws"] if time_scale == 1 else ["sandbox.time_scale", str(time_scale)]
        log_path = Path(directory) / "log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", *module, "--port", str(port), "--ready-file", str(ready_file)],
                cwd=ROOT,
                env={**os.environ, "SANDBOX_INVOKE_URL": invoke_url},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the sandbox, which then ends this in order
            )
        try:
            yield _ready_url(process, ready_file, log_path)
        finally:
            _end(process)


def _ready_url(process: subprocess.Popen[bytes], ready_file: Path, log_path: Path) -> str:
    deadline = time.monotonic() + _START_TIMEOUT_SECONDS
    while not ready_file.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the AWS endpoint did not start:\n{log_path.read_text(errors='replace')}")
        time.sleep(0.02)
    return ready_file.read_text()


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
