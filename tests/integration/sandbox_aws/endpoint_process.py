"""Starting the local AWS endpoint in a process of its own, and clients of it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).parents[3]
START_SECONDS = 60


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Return the condition's value once it is truthy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


@contextlib.contextmanager
def running_endpoint() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run `python -m sandbox.aws` and yield its URL and process."""
    with tempfile.TemporaryDirectory() as folder:
        ready = Path(folder, "ready")
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.aws", "--port", "0", "--ready-file", str(ready)],
            cwd=ROOT,
            env={**os.environ, "NO_PROXY": "127.0.0.1,localhost"},
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_for(lambda: ready.exists() or process.poll() is not None, "the endpoint starts", START_SECONDS)
            assert process.poll() is None, "the endpoint ended at its start"
            yield ready.read_text(), process
        finally:
            process.terminate()
            process.wait(20)


class Clients:
    """boto3 clients of the endpoint, made once each."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made: dict[tuple[str, str], Any] = {}

    def __call__(self, service: Any, access_key_id: str = "test") -> Any:
        """Return the client of a service, with an access key id of its own."""
        if (service, access_key_id) not in self._made:
            self._made[service, access_key_id] = boto3.client(
                service,
                endpoint_url=self.url,
                region_name="us-east-1",
                aws_access_key_id=access_key_id,
                aws_secret_access_key="test",
                config=Config(max_pool_connections=50, retries={"total_max_attempts": 1}, proxies={}),
            )
        return self._made[service, access_key_id]
