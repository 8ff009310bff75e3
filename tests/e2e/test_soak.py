"""`make soak`, its shorter form: every promise holds while one fault follows another."""

import json
import subprocess
import sys

import pytest

from tests.support import ROOT


def soak(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `python -m sandbox soak`."""
    command = [sys.executable, "-m", "sandbox", "soak", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)


@pytest.mark.timeout(300)  # what a killed process held comes back after 25 s, and has to wait for its turn then
def test_nothing_is_lost_and_nothing_is_sent_twice() -> None:
    """Twenty seconds of trouble at ten messages a second: seven to the queue, three straight to the function."""
    done = soak("--minutes", "0.35", "--seed", "4", "--json", "-p", "EventBridgeTarget=function")

    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["sent"] > 100
    assert found["accepted"] > 100
    assert found["lost"] == found["duplicated"] == found["misreported"] == []
    assert "API_REJECTED" not in found["dead_lettered"]  # redriven
    assert found["dead_lettered"]["INVALID_MESSAGE"] > 0


def test_more_messages_than_it_can_account_for_are_refused() -> None:
    """A soak with too many messages does not start."""
    done = soak("--minutes", "120", "--rate", "20")

    assert done.returncode == 2
    assert "--rate" in done.stderr
