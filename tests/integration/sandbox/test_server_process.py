"""The sandbox's servers as processes: they print their URL or an error, and end with their parent."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.aws.process import aws_endpoint
from sandbox.server_process import ROOT, ServerProcess
from sandbox.sociocs.client import simulator_process

WaitFor = Callable[..., None]


def alive(pid: int) -> bool:
    """Whether the process runs. A zombie does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
@pytest.mark.parametrize("module", ["sandbox.aws.server", "sandbox.sociocs"])
@pytest.mark.parametrize("when", ["while it starts", "when it serves"])
def test_a_server_ends_with_a_killed_parent(module: str, when: str, wait_for: WaitFor) -> None:
    """No server is left after kill -9 of its parent, however early it comes."""
    script = (
        "import sys, time\n"
        "from sandbox.server_process import ServerProcess\n"
        "server = ServerProcess('a server', [sys.argv[1]])\n"
        "print(server.pid, flush=True)\n"
        "print(server.url(), flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script, module], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        if when == "when it serves":
            assert parent.stdout.readline().startswith("http://127.0.0.1:")
        assert alive(pid)
    finally:
        parent.kill()
        parent.communicate()
    wait_for(lambda: not alive(pid))


@pytest.mark.parametrize("start", [aws_endpoint, simulator_process])
def test_a_server_whose_port_is_taken_says_so_at_once(start: Callable[..., ServerProcess]) -> None:
    """The error has the output of the process, and comes before the timeout."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            start(port=taken.getsockname()[1]) as server,
            pytest.raises(RuntimeError, match=r"did not start: [^\n]*[Aa]ddress already in use"),
        ):
            server.url(timeout=600)
        assert not alive(server.pid)


def test_a_server_that_says_nothing_is_not_waited_for_for_ever() -> None:
    """The start timeout holds for a process that neither serves nor ends."""
    began = time.monotonic()
    with (
        ServerProcess("a silent server", ["asyncio"]) as server,  # waits for something to evaluate
        pytest.raises(RuntimeError, match="a silent server did not start"),
    ):
        server.url(timeout=0.2)
    assert time.monotonic() - began < 60
    assert not alive(server.pid)
