"""The simulator as a process: it prints its URL, and ends with its parent."""

import signal
import socket
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from sandbox.sociocs.client import SociocsSimulator, running
from tests.support import ROOT


@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "parent gone"])
def test_it_ends_when_it_is_told_to_and_with_its_parent(way: str) -> None:
    """A signal, or the end of the pipe to its parent, ends it in order, even with a request in its hands."""
    command = [sys.executable, "-m", "sandbox.sociocs"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        simulator = SociocsSimulator(process.stdout.readline().split()[-1])
        simulator.hold()
        with socket.create_connection(("127.0.0.1", urlsplit(simulator.base_url).port or 0), timeout=10) as peer:
            peer.sendall(b"POST /message HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            simulator.wait_for_waiting(1)
            if way == "parent gone":
                process.stdin.close()
            else:
                process.send_signal(getattr(signal, way))
            assert process.wait(10) == 0


def test_two_run_side_by_side() -> None:
    """Each simulator has its own port and its own inbox."""
    with running() as one, running(channel_keys=["ck"]) as other:
        one.rule(status=500)
        assert one.base_url != other.base_url
        assert one.base_url.startswith("http://127.0.0.1:")
    with pytest.raises(OSError):  # noqa: PT011  # refused, in the words of the system
        one.counts()
