"""Invokes functions. moto would need Docker for it, so the sandbox gives the endpoint a URL that runs them.

`POST {"function_name": str, "event": any, "invocation_type": "Event" | "RequestResponse"}` is answered with 202 for
`Event`, and with 200 and `{"payload": any, "function_error": str | null}` for `RequestResponse`.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from moto.awslambda.utils import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID

from sandbox.aws.callers import REGION
from sandbox.aws.moto_patches.serialising import MOTO

# A function may run 15 minutes, and the caller's own timeout is shorter.
_LONGEST_INVOCATION_SECONDS = 900
_ATTEMPTS = 3

# The URL is on loopback, so a proxy of the environment must not be used.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_url: str | None = None


def register(url: str | None) -> None:
    """Set the URL that runs functions."""
    global _url  # noqa: PLW0603 - a process has one, as it has one of each of moto's backends
    _url = url


def function_name(name_or_arn: str) -> str:
    """Return the name in a function's name, partial ARN or ARN, without a qualifier."""
    parts = name_or_arn.split(":")
    if "function" in parts:
        return parts[parts.index("function") + 1]
    return parts[0]


def exists(name_or_arn: str) -> bool:
    """Whether there is such a function."""
    functions = get_backend(DEFAULT_ACCOUNT_ID, REGION).list_functions()
    return function_name(name_or_arn) in {function.function_name for function in functions}


def post(name_or_arn: str, event: Any, invocation_type: str) -> dict[str, Any]:
    """Run a function and return `{"payload": …, "function_error": …}` (empty for `Event`).

    Raises OSError when the URL is not there or does not answer as agreed.
    """
    if _url is None:
        raise OSError("nothing runs functions: the endpoint was started without --invoke-url")
    content = {
        "function_name": function_name(name_or_arn),
        "event": event,
        "invocation_type": invocation_type,
    }
    request = urllib.request.Request(  # noqa: S310 - the sandbox's own address
        _url, json.dumps(content).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with _opener.open(request, timeout=_LONGEST_INVOCATION_SECONDS) as response:
        body = response.read()
    answer: dict[str, Any] = json.loads(body) if body else {}
    return answer


def start(name_or_arn: str, event: Any, failed: Callable[[str], None]) -> None:
    """Hand over an asynchronous invocation in the background; `failed` is called with moto's lock held."""

    def attempt() -> None:
        reason = ""
        for number in range(_ATTEMPTS):
            try:
                post(name_or_arn, event, "Event")
                return
            except (OSError, ValueError) as error:
                reason = str(error)
                time.sleep(0.1 * 2**number)
        with MOTO:
            failed(reason)

    threading.Thread(target=attempt, name="invoke-asynchronously", daemon=True).start()
