"""All contenders do the same work, and their processes end."""

from collections.abc import Iterator

import pytest

from benchmarks.contender import Name, running
from benchmarks.surroundings import Surroundings, surroundings


@pytest.fixture(scope="module")
def given() -> Iterator[Surroundings]:
    """One stand-in for all tests of this module."""
    with surroundings() as given:
        yield given


@pytest.mark.parametrize("name", ["ours", "ours-without-ledger", "peer"])
def test_each_contender_sends_each_message_once(given: Surroundings, name: Name) -> None:
    """`send` raises if the API did not get each message exactly once. The process ends with the block."""
    with running(given, name) as contender:
        taken = contender.send(12)
        process = contender._process
    assert taken.wall > 0
    assert contender.start_up.wall > 0
    assert process.poll() is not None
