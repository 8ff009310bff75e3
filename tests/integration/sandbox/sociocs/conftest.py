"""One simulator process for these tests, as it was at its start for each of them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from sandbox.sociocs.client import SociocsSimulator, running

APIKEY = "e047nbp2UnWuHD9m:Xqc37DHPGMyF0Z4hWX3Afn1Iyj6j7dPc"

Post = Callable[..., requests.Response]


@pytest.fixture(scope="session")
def simulator_process() -> Iterator[SociocsSimulator]:
    """The process, started once."""
    with running(apikey=APIKEY) as simulator:
        yield simulator


@pytest.fixture
def simulator(simulator_process: SociocsSimulator) -> SociocsSimulator:
    """The simulator, with nothing left of other tests."""
    simulator_process.reset()
    return simulator_process


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """An ordinary client that uses no proxy."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def post(simulator: SociocsSimulator, session: requests.Session) -> Post:
    """Send one message: a valid one, with the fields given in its place; None takes a field away."""

    def send(*, apikey: str = APIKEY, timeout: float = 10, **changes: Any) -> requests.Response:
        message = {"provider": "twlo", "channel_key": "ck_main", "to": "+16175551212", "text": "Shipped", **changes}
        body = {name: value for name, value in message.items() if value is not None}
        headers = {"apikey": apikey}
        return session.post(f"{simulator.base_url}/message", json=body, headers=headers, timeout=timeout)

    return send
