"""All contenders do the same work, and their processes end."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.contender import Name, running
from benchmarks.events import batches
from benchmarks.package import size_of
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


def test_batches_hold_every_message_once() -> None:
    """The batches have the right sizes, and each message has its own id."""
    events = batches(23, 10)
    assert [len(event["Records"]) for event in events] == [10, 10, 3]
    assert len({record["messageId"] for event in events for record in event["Records"]}) == 23


def test_a_size_is_that_of_the_files(tmp_path: Path) -> None:
    """The unpacked size is exact, and the zipped size of compressible files is smaller."""
    file = tmp_path / "text"
    file.write_bytes(b"a" * 5000)
    size = size_of([file, file])
    assert size.unpacked == 10_000
    assert size.zipped < 100
