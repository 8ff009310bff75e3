"""Fixtures that all tests share: the local AWS endpoint and the simulator, one process of each for a test worker."""

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.aws.process import aws_endpoint as local_aws_endpoint
from sandbox.sociocs.client import SociocsSimulator, running
from tests.support.world import CREDENTIALS, World


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep every test away from the credentials and the region of the machine."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    # Powertools keeps one logger for a service, and with it the standard output of the test that made it.
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"s-{uuid.uuid4().hex}")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "SociocsMessageSender")


@pytest.fixture(scope="session")
def aws_endpoint() -> Iterator[str]:
    """The URL of a local AWS endpoint of this worker's own."""
    with local_aws_endpoint() as process:
        yield process.url()


@pytest.fixture(scope="session")
def simulator() -> Iterator[SociocsSimulator]:
    """A Sociocs simulator of this worker's own."""
    with running() as simulator:
        yield simulator


@pytest.fixture
def sociocs(simulator: SociocsSimulator) -> SociocsSimulator:
    """The simulator, with nothing left of an earlier test."""
    simulator.reset()
    return simulator


@pytest.fixture
def make_world(aws_endpoint: str, sociocs: SociocsSimulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    """Make worlds: `make_world(fifo=True)`. The function's own clients find the endpoint as in the sandbox."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_endpoint)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")

    def make(**options: Any) -> World:
        return World(aws_endpoint, f"w-{uuid.uuid4().hex[:12]}", sociocs, **options)

    return make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """A world with a standard queue."""
    return make_world()
