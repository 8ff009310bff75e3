"""Stacks of the command without any AWS: their clients are stand-ins, their outputs are what a test gives."""

import time
from collections.abc import Callable
from typing import Any

from sociocs_cli.stack import Stack, Waits

AT_ONCE = Waits(long_poll=0, between_looks=0)
"""Without waits: the local endpoint has one server only, and stand-ins answer at once."""


def stack_on(
    *,
    sqs: Any = None,
    functions: Any = None,
    cloudwatch: Any = None,
    waits: Waits = AT_ONCE,
    monotonic: Callable[[], float] = time.monotonic,
    wait: Callable[[float], object] = time.sleep,
    parameters: dict[str, str] | None = None,
    **outputs: str,
) -> Stack:
    """Make a stack with these clients, parameters and outputs, and the usual outputs besides."""
    usual = {
        "MessageQueueUrl": "https://sqs/1/messages",
        "MessageDeadLetterQueueUrl": "https://sqs/1/dead-letters",
        "EventSourceMappingId": "mapping",
    }
    found = Stack("stack", waits=waits, monotonic=monotonic, wait=wait)
    found.sqs, found.functions, found.cloudwatch = sqs, functions, cloudwatch
    found.description = {
        "Outputs": [{"OutputKey": n, "OutputValue": v} for n, v in {**usual, **outputs}.items()],
        "Parameters": [{"ParameterKey": n, "ParameterValue": v} for n, v in (parameters or {}).items()],
    }  # type: ignore[typeddict-item]  # only what the command reads
    return found
