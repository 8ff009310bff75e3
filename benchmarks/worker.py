"""The program in the process of a contender: `python -m benchmarks.worker NAME CA_BUNDLE`.

It writes one line of JSON when the contender is ready, with the seconds of its start. Then it answers each line of
batches on standard input with one line of results. It ends when its standard input ends, so it ends with its parent.

It imports very little before the clock starts.
"""

import json
import os
import sys
import time
from typing import Any

import certifi


class Context:
    """The parts of Lambda's context that contenders use."""

    function_name = "benchmark"
    function_version = "$LATEST"
    memory_limit_in_mb = 512
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:benchmark"
    aws_request_id = "request"

    def __init__(self) -> None:
        self._over = time.monotonic() + 60

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining milliseconds."""
        return int((self._over - time.monotonic()) * 1000)


def load(name: str) -> Any:
    """Import a contender and return its handler."""
    if name == "peer":
        from benchmarks import peer  # noqa: PLC0415 - the import is measured

        return peer.lambda_handler
    from benchmarks import ours  # noqa: PLC0415 - the import is measured

    return ours.with_ledger() if name == "ours" else ours.without_ledger()


def main() -> None:
    """Run the contender that the command line names."""
    # The contender logs to standard output, which is discarded. The answers go to the original standard output.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    name, bundle = sys.argv[1:]
    # The bundle has the stand-in's certificate and all those of certifi, so reading it takes as long as usual.
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
