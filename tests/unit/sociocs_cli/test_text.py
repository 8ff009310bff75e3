"""Lengths of time, written for people."""

import pytest

from sociocs_cli.text import duration


@pytest.mark.parametrize(("seconds", "words"), [(0, "0 s"), (61, "1 min 1 s"), (3600, "1 h"), (187_200, "2 d 4 h")])
def test_lengths_of_time_are_written_for_people(seconds: int, words: str) -> None:
    """In the two largest units."""
    assert duration(seconds) == words
