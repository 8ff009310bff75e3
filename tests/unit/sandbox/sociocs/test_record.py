"""The simulator's memory."""

from sandbox.sociocs.record import BoundedLog


def test_large_entries_are_bounded_by_their_bytes() -> None:
    """A few large bodies replace the others, but the newest entry is always kept."""
    log: BoundedLog[str] = BoundedLog(most_bytes=1000)
    for number, size in enumerate([10, 400, 400, 400, 5000]):
        log.add(str(number), size)
    newest_alone = list(log)
    log.add("5", 10)

    assert (newest_alone, list(log), log.total) == (["4"], ["5"], 6)
