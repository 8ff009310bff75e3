"""The faults of a soak, one kind at a time. Each lasts as long as its block, and leaves everything as it was."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sandbox.sandbox import Sandbox

READ_TIMEOUT_SECONDS = 2.0
"""The function's read timeout during a soak. It is short, so that a slow answer is soon too late."""

Fault = Callable[[Sandbox, random.Random], AbstractContextManager[None]]


def _rule(make: Callable[[random.Random], dict[str, Any]]) -> Fault:
    """Return a fault that is a rule of the simulator."""

    @contextmanager
    def fault(sandbox: Sandbox, chance: random.Random) -> Iterator[None]:
        sandbox.sociocs.rule(**make(chance))
        yield
        sandbox.sociocs.clear_rules()

    return fault


def _few(chance: random.Random) -> int:
    """Return to how many requests a rule applies: few, because a person must decide about each unknown outcome."""
    return chance.randint(1, 4)


@contextmanager
def _throttling(sandbox: Sandbox, chance: random.Random) -> Iterator[None]:
    sandbox.sociocs.set_rate_limit(chance.randint(1, 5), retry_after=chance.random() < 0.5)
    yield
    sandbox.sociocs.set_rate_limit(None)


@contextmanager
def _rotated(sandbox: Sandbox, chance: random.Random) -> Iterator[None]:
    apikey = f"rotated{chance.getrandbits(32):08x}:{chance.getrandbits(128):032x}"
    sandbox.sociocs.set_apikeys([apikey])
    yield
    secret = sandbox.outputs["ApiKeySecretArn"]
    sandbox.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=apikey)


@contextmanager
def _killed(sandbox: Sandbox, chance: random.Random) -> Iterator[None]:
    if process_ids := sandbox.runtime.process_ids:
        os.kill(chance.choice(process_ids), signal.SIGKILL)
    yield


@contextmanager
def _paused(sandbox: Sandbox, _: random.Random) -> Iterator[None]:
    sandbox.pause(timeout=60)
    yield
    sandbox.resume()


FAULTS: dict[str, Fault] = {
    "Sociocs is down": _rule(lambda chance: {"status": chance.choice([500, 502, 503, 504, 511])}),
    "Sociocs throttles": _throttling,
    "answers get lost": _rule(lambda chance: {"drop": "after-reading", "accept": True, "times": _few(chance)}),
    "requests are cut off": _rule(lambda chance: {"drop": "before-reading", "times": _few(chance)}),
    "answers come too late": _rule(lambda chance: {"delay_seconds": READ_TIMEOUT_SECONDS * 1.5, "times": _few(chance)}),
    "answers are not readable": _rule(
        lambda chance: {"status": 200, "body": "<html>Welcome</html>", "accept": True, "times": _few(chance)}
    ),
    "the apikey was rotated": _rotated,
    "a process of the function is killed": _killed,
    "sending is paused": _paused,
}
