"""`python -m sandbox demo`: the main job as a person starts it, and `python -m sandbox up`."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sandbox.demo.samples import read_samples
from tests.support import ROOT

CLOSING_LINE = re.compile(r"accepted (\d+), dead-lettered (\d+), lost 0, duplicated 0")


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """Start `python -m sandbox`, its output captured."""
    return subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )


def descendants(pid: int) -> set[int]:
    """Return the ids of all descendants of a process."""
    found: set[int] = set()
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found |= {child, *descendants(child)}
    return found


def alive(pids: set[int]) -> set[int]:
    """Return those that still run. A zombie does not run."""
    running = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            running.add(pid)
    return running


def started_with(temporary: Path) -> set[int]:
    """All processes that have this folder for temporary files, whoever their parent is by now."""
    marker = f"TMPDIR={temporary}".encode()
    found = set()
    for file in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if marker in file.read_bytes().split(b"\0"):
                found.add(int(file.parent.name))
    return found


def wait_for(condition: Callable[[], Any], timeout: float = 60.0) -> None:
    """Wait until the condition holds, or fail."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come about in time"
        time.sleep(0.02)


def test_two_demos_side_by_side() -> None:
    """Both account for every sample, one as text and one as JSON, and leave no process behind."""
    table, as_json = start("demo", COLUMNS="140"), start("demo", "--json")
    outputs = [process.communicate(timeout=110) for process in (table, as_json)]
    assert (table.returncode, as_json.returncode) == (0, 0), outputs

    shown = outputs[0][0]
    closing = CLOSING_LINE.fullmatch(shown.splitlines()[-1])
    assert closing, shown
    assert "duplicate of" in shown
    assert "sent again" in shown
    assert "On purpose: Sociocs answered the first attempt at" in shown, "a retry is explained beside the account"
    assert not re.search(r"\+1617555\d{4}", shown), "a whole phone number is shown"

    result = json.loads(outputs[1][0])
    assert result["settled"]
    assert (str(result["accepted"]), str(result["dead_lettered"])) == closing.groups()
    assert (result["lost"], result["duplicated"]) == (0, 0)
    lines = result["lines"]
    assert len(lines) == len(read_samples()) + 1  # one is sent twice
    assert sum(line["fate"] == "duplicate" for line in lines) == 1
    assert any(line["retries"] for line in lines if line["fate"] == "accepted")
    for line in lines:
        expected = "dead-lettered" if "invalid" in line["name"] else ("accepted", "duplicate")
        assert line["fate"] in expected, line
        assert line["message_id"] or (line["code"] and line["reason"])


def test_narrow_output_has_no_long_lines() -> None:
    """With 60 columns no line is longer, and the closing line is last."""
    process = start("demo", COLUMNS="60")
    shown, errors = process.communicate(timeout=110)
    assert process.returncode == 0, errors
    assert max(map(len, shown.splitlines())) <= 60
    assert CLOSING_LINE.fullmatch(shown.splitlines()[-1])


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_up_leaves_no_process(ending: signal.Signals, tmp_path: Path) -> None:
    """All processes that the sandbox started end with it, however it is ended."""
    process = start("up", TMPDIR=str(tmp_path))  # what kill -9 leaves there goes with the test
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        shown = next(line for line in lines if line.startswith("AWS endpoint"))
        assert "http://127.0.0.1:" in shown
        children = descendants(process.pid)
        assert len(alive(children)) >= 3  # AWS, Sociocs, the function
        process.send_signal(ending)
        process.communicate(timeout=60)
    finally:
        process.kill()
    expected = {signal.SIGINT: 0, signal.SIGKILL: -signal.SIGKILL}
    assert process.returncode == expected.get(ending, 128 + ending)
    wait_for(lambda: not alive(children))
    if ending is not signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.parametrize(
    ("ending", "children"),
    [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGKILL, 1), (signal.SIGINT, 3), (signal.SIGTERM, 3)],
)
def test_a_sandbox_that_is_ended_while_it_starts_leaves_nothing(
    ending: signal.Signals, children: int, tmp_path: Path
) -> None:
    """From the first child process on (the third is the function's), all processes end with the sandbox."""
    process = start("up", TMPDIR=str(tmp_path))
    try:
        wait_for(lambda: len(descendants(process.pid)) >= children)
        process.send_signal(ending)
        shown, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode != 0
    assert "AWS endpoint  " not in shown, "it was up already"
    assert "Traceback" not in errors
    wait_for(lambda: not alive(started_with(tmp_path)))
    if ending is not signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []


def test_a_sandbox_that_cannot_start_says_why() -> None:
    """A parameter that the template refuses ends the command with one message, not with a traceback."""
    process = start("up", "--parameter", "QueueType=nonsense")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "QueueType" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("option", ["--aws-port", "--sociocs-port"])
def test_a_port_that_is_taken_is_named(option: str) -> None:
    """If a port is taken, the error names it and has no traceback."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        process = start("up", option, port)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert port in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("wrong", ["--functions=0", "--time-scale=0", "--aws-port=-1", "--sociocs-port=65536"])
def test_a_number_out_of_range_is_refused(wrong: str) -> None:
    """A number out of range is refused before anything starts, and the message names the option."""
    process = start("up", wrong)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"Invalid value for '{wrong.partition('=')[0]}'" in errors


def test_help_names_the_commands() -> None:
    """The help says what there is."""
    process = start("--help")
    shown, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "demo" in shown
    assert "up" in shown
