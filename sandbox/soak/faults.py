"""Ordinary trouble, one kind at a time: each lasts as long as its block, and leaves everything as it was."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from sandbox.sandbox import Sandbox

READ_TIMEOUT_SECONDS = 2.0
"""The function's, while it has trouble: a slow answer is to be late soon."""

Fault = Callable[[Sandbox, random.Random], AbstractContextManager[None]]


@contextmanager
def _down(sandbox: Sandbox, chance: random.Random) -> Iterator[None]:
    sandbox.sociocs.rule(status=chance.choice([500, 502, 503, 504, 511]))
    yield
    sandbox.sociocs.clear_rules()


@contextmanager
def _throttling(sandbox: Sandbox, chance: random.Random) -> Iterator[None]:
    sandbox.sociocs.set_rate_limit(chance.randint(1, 5), retry_after=chance.random() < 0.5)
    yield
    sandbox.sociocs.set_rate_limit(None)


@contextmanager
def _losing_answers(sandbox: Sandbox, chance: random.Random) -> Iterator[None]:
    # Few: each is one for a person, and they are to stay the exception.
    sandbox.sociocs.rule(drop="after-reading", accept=True, times=chance.randint(1, 4))
    yield
    sandbox.sociocs.clear_rules()


@contextmanager
def _cutting_requests(sandbox: Sandbox, chance: random.Random) -> Iterator[None]:
    sandbox.sociocs.rule(drop="before-reading", times=chance.randint(1, 4))
    yield
    sandbox.sociocs.clear_rules()


@contextmanager
def _too_slow(sandbox: Sandbox, chance: random.Random) -> Iterator[None]:
    sandbox.sociocs.rule(delay_seconds=READ_TIMEOUT_SECONDS * 1.5, times=chance.randint(1, 4))
    yield
    sandbox.sociocs.clear_rules()


@contextmanager
def _unreadable(sandbox: Sandbox, chance: random.Random) -> Iterator[None]:
    sandbox.sociocs.rule(status=200, body="<html>Welcome</html>", accept=True, times=chance.randint(1, 4))
    yield
    sandbox.sociocs.clear_rules()


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
    "Sociocs is down": _down,
    "Sociocs throttles": _throttling,
    "answers get lost": _losing_answers,
    "requests are cut off": _cutting_requests,
    "answers come too late": _too_slow,
    "answers are not readable": _unreadable,
    "the apikey was rotated": _rotated,
    "a process of the function is killed": _killed,
    "sending is paused": _paused,
}
