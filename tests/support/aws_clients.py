"""Clients of the local AWS endpoint, and a function that waits for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 20) -> Any:
    """Wait until the condition's value is true, and return the value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def until_next_second() -> None:
    """Wait until the second is over in which something was put on a queue: a redrive leaves what is of its own second.

    The wait is a few milliseconds longer, because the clock that SQS reports is cut to seconds.
    """
    time.sleep(1.005 - time.time() % 1)


class Clients:
    """boto3 clients of the endpoint. Each client is made once."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._made: dict[tuple[str, str], Any] = {}

    def __call__(self, service: Any, access_key_id: str = "test") -> Any:
        """Return the client of a service for an access key id."""
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
