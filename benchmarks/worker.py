"""One contender in a process of its own, from inside: `python -m benchmarks.worker NAME CA_BUNDLE`.

Writes one line of JSON when the contender is ready (the seconds that import and wiring took), then answers each line
of batches on standard input with one line about how they went. Ends when standard input does: with its parent.

Imports next to nothing before the clock starts.
"""

import json
import os
import sys
import time
from typing import Any

import certifi


class Context:
    """Lambda's context, as far as contenders use it."""

    function_name = "benchmark"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:benchmark"
    aws_request_id = "request"

    def __init__(self) -> None:
        self._over = time.monotonic() + 60

    def get_remaining_time_in_millis(self) -> int:
        """Count down from the function's timeout."""
        return int((self._over - time.monotonic()) * 1000)


def load(name: str) -> Any:
    """Import and wire a contender; returns its handler."""
    if name == "peer":
        from benchmarks import peer  # noqa: PLC0415 - what is measured

        return peer.lambda_handler
    from benchmarks import ours  # noqa: PLC0415 - what is measured

    return ours.with_ledger() if name == "ours" else ours.without_ledger()


def main() -> None:
    """Be the contender that the command line names."""
    # The contender logs to standard output, which is nobody's here; answers go where it was before.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    name, bundle = sys.argv[1:]
    # The stand-in's certificate, beside all that certifi has: the same work for whoever reads the bundle.
    vars(certifi)["where"] = lambda: bundle

    started, cpu = time.perf_counter(), time.process_time()
    handler = load(name)
    print(json.dumps(_taken(started, cpu)), file=answers, flush=True)

    for line in sys.stdin:
        events = json.loads(line)
        failures = 0
        started, cpu = time.perf_counter(), time.process_time()
        for event in events:
            failures += len(handler(event, Context())["batchItemFailures"])
        print(json.dumps({**_taken(started, cpu), "failures": failures}), file=answers, flush=True)


def _taken(started: float, cpu: float) -> dict[str, float]:
    return {"wall": time.perf_counter() - started, "cpu": time.process_time() - cpu}


if __name__ == "__main__":
    main()
