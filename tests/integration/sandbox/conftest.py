"""An endpoint of moto without patches for these tests, and a fixture that waits for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from moto.server import ThreadedMotoServer


@pytest.fixture(scope="session")
def wait_for() -> Callable[..., None]:
    """Wait until a condition holds, and fail the test when it does not in time."""

    def wait(condition: Callable[[], object], timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come about in time"
            time.sleep(0.01)

    return wait


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    """An endpoint of moto in this process. The tests that use it need none of the sandbox's patches."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
