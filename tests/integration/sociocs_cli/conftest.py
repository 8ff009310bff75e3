"""Fixtures of the command's tests: worlds with a stack that names their queues."""

from collections.abc import Callable
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
) -> Callable[..., Shell]:
    """Make worlds with a stack that names their queues, and the command on it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def make(**options: Any) -> Shell:
        world = make_world(**options)
        deploy(world)
        return Shell(world)

    return make


@pytest.fixture
def shell(make_shell: Callable[..., Shell]) -> Shell:
    """The command on a world with standard queues."""
    return make_shell()


@pytest.fixture
def letters(shell: Shell) -> Letters:
    """Dead letters for that world."""
    return Letters(shell.world)
