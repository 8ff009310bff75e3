"""A stack: how long its clients wait."""

from typing import Any

from sociocs_cli.stack import Stack


def test_an_endpoint_that_does_not_answer_is_not_waited_for_long() -> None:
    """Three tries of ten seconds, instead of five of a minute; a long poll of a second is well within."""
    found: Any = Stack("stack").config

    assert (found.connect_timeout, found.read_timeout, found.retries["total_max_attempts"]) == (5, 10, 3)
