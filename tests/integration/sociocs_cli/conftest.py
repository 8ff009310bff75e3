"""Fixtures of the command's tests: worlds with a stack that names their queues."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.cli_shell import Letters, Shell, deploy
from tests.support.world import World


@pytest.fixture
def make_shell(
    make_world: Callable[..., World],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Callable[..., Shell]]:
    """Make worlds with a stack that names their queues, and the command on it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    # A long poll finds out whether there is more on SQS's other servers, of which the local endpoint has none.
    monkeypatch.setattr("sociocs_cli.reading._POLL_SECONDS", 0)
    terminate = signal.getsignal(signal.SIGTERM)

    def make(**options: Any) -> Shell:
        world = make_world(**options)
        deploy(world)
        return Shell(world)

    yield make
    signal.signal(signal.SIGTERM, terminate)


@pytest.fixture
def shell(make_shell: Callable[..., Shell]) -> Shell:
    """The command on a world with standard queues."""
    return make_shell()


@pytest.fixture
def letters(shell: Shell) -> Letters:
    """Dead letters for that world."""
    return Letters(shell.world)
