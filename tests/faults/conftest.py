"""Processes that tests of this folder start, each ended with its test."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.support import ROOT
from tests.support.world import World

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start_invocation() -> Iterator[Start]:
    """Start `one_invocation.py` in a world, ready to take its event: `start(world, seconds=60, **environment)`."""
    processes: list[subprocess.Popen[str]] = []

    def start(world: World, seconds: float = 60, **environment: str) -> "subprocess.Popen[str]":
        changes = {name.upper(): value for name, value in environment.items()}
        path = os.pathsep.join([str(ROOT / "src"), str(ROOT), str(ROOT / "tests")])
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "support" / "one_invocation.py"), str(seconds)],
            env={**os.environ, **world.environment, **changes, "PYTHONPATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        with process:  # closes its pipes and waits for it
            pass
