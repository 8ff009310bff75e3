"""The local AWS endpoint, one process for all tests of a worker. Each test uses names of its own."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.aws.process import aws_endpoint
from tests.support.aws_clients import Clients, wait_for


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """Return the URL of a running endpoint."""
    with aws_endpoint() as process:
        yield process.url()


@pytest.fixture(scope="session")
def aws(endpoint: str) -> Clients:
    """Return clients of the endpoint."""
    return Clients(endpoint)


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def wait_for_line(capfd: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Wait until the endpoint has printed a line with this text."""

    def wait(text: str) -> None:
        printed = ""

        def is_printed() -> bool:
            nonlocal printed
            printed += capfd.readouterr().err
            return text in printed

        wait_for(is_printed, f"the endpoint prints {text}")

    return wait


@pytest.fixture
def sqs(aws: Clients) -> Any:
    """Return the SQS client."""
    return aws("sqs")
