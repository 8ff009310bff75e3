"""Starts and controls the process of one contender."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Literal

from benchmarks.events import batches
from benchmarks.surroundings import ROOT, Surroundings

Name = Literal["ours", "ours-without-ledger", "peer"]

_STOP_SECONDS = 10


class BenchmarkError(Exception):
    """A contender did not do its work, so its time is not valid."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The wall time and the CPU time of some work, in seconds."""

    wall: float
    cpu: float


class Contender:
    """A contender that is ready for batches. `running` makes one."""

    def __init__(self, process: subprocess.Popen[str], log: IO[str], surroundings: Surroundings) -> None:
        self._process, self._log, self._surroundings = process, log, surroundings
        self.start_up = self._answer()[0]
        """The time for the import and for making the application."""

    def send(self, messages: int, batch_size: int = 10) -> Taken:
        """Let the contender send new messages, and check that each was sent once.

        Raises:
            BenchmarkError: a message was not sent exactly once.
        """
        assert self._process.stdin  # noqa: S101 - a pipe: see running
        before = self._surroundings.requests()
        self._process.stdin.write(json.dumps(batches(messages, batch_size)) + "\n")
        self._process.stdin.flush()
        taken, failures = self._answer()
        sent = self._surroundings.requests() - before
        if failures or sent != messages:
            raise BenchmarkError(f"{messages} messages: {sent} requests, {failures} failures\n{self._said()}")
        return taken

    def _answer(self) -> tuple[Taken, int]:
        assert self._process.stdout  # noqa: S101 - a pipe: see running
        line = self._process.stdout.readline()
        if not line:
            raise BenchmarkError(f"the contender ended\n{self._said()}")
        answer = json.loads(line)
        return Taken(answer["wall"], answer["cpu"]), answer.get("failures", 0)

    def _said(self) -> str:
        self._log.seek(0)
        return self._log.read()[-4000:]


@contextmanager
def running(
    surroundings: Surroundings, name: Name, *, answers_after_ms: int = 0, once_only: bool = True, threads: int = 10
) -> Iterator[Contender]:
    """Run a contender during the block. It also ends when this process ends, even if this process is killed.

    Args:
        surroundings: the contender's environment.
        name: the contender.
        answers_after_ms: milliseconds until the API answers.
        once_only: for the peer: use Powertools' idempotency.
        threads: for the function: SEND_CONCURRENCY.
    """
    environment = surroundings.environment(answers_after_ms) | {"SEND_CONCURRENCY": str(threads)}
    if not once_only:
        del environment["IDEMPOTENCY_TABLE_NAME"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name, str(surroundings.ca_bundle)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,  # only the parent gets Ctrl-C, and it then ends this process in order
        )
        try:
            yield Contender(process, log, surroundings)
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Close the standard input of a process, which ends it. If it does not end, kill it."""
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
