"""The simulator as a process: it says where it is, and it leaves nothing behind."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox.sociocs import SociocsSimulator, running

ROOT = Path(__file__).resolve().parents[3]


def start(ready_file: Path) -> tuple["subprocess.Popen[bytes]", SociocsSimulator]:
    """Start a process as a parent would that keeps its pipe."""
    command = [sys.executable, "-m", "sandbox.sociocs", "--ready-file", str(ready_file)]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while not ready_file.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    return process, SociocsSimulator(ready_file.read_text().strip())


@pytest.mark.parametrize("way", ["SIGTERM", "SIGINT", "parent gone"])
def test_it_ends_when_it_is_told_to_and_with_its_parent(tmp_path: Path, way: str) -> None:
    """A signal, or the end of the pipe to its parent, ends it in order, even with a request in its hands."""
    process, simulator = start(tmp_path / "ready")
    try:
        simulator.hold()
        with socket.create_connection(("127.0.0.1", urlsplit(simulator.base_url).port or 0), timeout=10) as peer:
            peer.sendall(b"POST /message HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            simulator.wait_for_waiting(1)
            if way == "parent gone" and process.stdin:
                process.stdin.close()
            else:
                process.send_signal(getattr(signal, way))
            assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def test_two_run_side_by_side() -> None:
    """Each takes a port of its own, and has an inbox of its own."""
    with running() as one, running(channel_keys=["ck"]) as other:
        one.rule(status=500)
        assert one.base_url != other.base_url
        assert one.base_url.startswith("http://127.0.0.1:")
    with pytest.raises(OSError):  # noqa: PT011  # refused, in the words of the system
        one.counts()
