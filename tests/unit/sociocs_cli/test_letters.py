"""Whatever a letter's attributes and body hold: it can be listed, shown and chosen, and harms no other letter."""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from message_sender.dead_letter import OUR_ATTRIBUTES
from sociocs_cli.letters import Letter
from sociocs_cli.pages import page_of
from sociocs_cli.returning import NotReturnableError, entries_of
from sociocs_cli.summaries import Summary, by_code
from sociocs_cli.text import timestamp

WRITTEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
_TIMES = st.datetimes().map(datetime.isoformat) | st.sampled_from(
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-24", "10000-01-01T00:00:00Z", ""]
)
_NUMBERS = st.integers().map(str) | st.sampled_from(["²", "٣", "9" * 5000])
_VALUES = st.text() | _TIMES | _NUMBERS


def letter(body: str = "{}", **attributes: dict[str, Any]) -> Letter:
    """A letter as it is received."""
    received: Any = {
        "MessageId": "id",
        "ReceiptHandle": "receipt",
        "Body": body,
        "Attributes": {"SentTimestamp": str(int(WRITTEN.timestamp() * 1000))},
        "MessageAttributes": attributes,
    }
    return Letter("https://queue/dead", received)


def text(value: str) -> dict[str, Any]:
    """A string attribute."""
    return {"DataType": "String", "StringValue": value}


@settings(deadline=None)  # the machine may be busy
@given(
    body=st.text(),
    attributes=st.dictionaries(
        st.sampled_from(sorted(OUR_ATTRIBUTES)) | st.text(min_size=1),
        _VALUES.map(text) | st.binary().map(lambda value: {"DataType": "Binary", "BinaryValue": value}),
    ),
)
def test_any_attributes_give_a_line_of_the_list_and_a_page(body: str, attributes: dict[str, Any]) -> None:
    """Anybody can put anything on the queue: `list`, `status`, `show` and `redrive` go on all the same."""
    found = letter(body, **attributes)

    assert by_code([Summary.of(found), Summary.of(letter())])
    for reveal in (True, False):
        assert page_of(found, reveal=reveal).details["id"] == "id"
    with suppress(NotReturnableError):
        assert entries_of(found, fifo=False)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("2026-11-20T10:00:00.000Z", "2026-11-20T10:00:00Z"),
        ("2026-11-20T10:00:00+02:00", "2026-11-20T08:00:00Z"),
        ("2026-11-20T10:00:00", "2026-11-20T10:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "2026-11-24T10:00:00Z"),
        ("soon", "2026-11-24T10:00:00Z"),
    ],
    ids=["utc", "offset", "no-offset", "out-of-range", "no-time"],
)
def test_first_seen_is_what_the_letter_says_or_when_it_was_written(said: str, shown: str) -> None:
    """Without an offset it is UTC, as everything of ours; what is no time does not count."""
    assert timestamp(letter(FIRST_SEEN=text(said)).first_seen) == shown


@pytest.mark.parametrize(("said", "attempts"), [("3", 3), ("²", None), ("٣", None), ("-1", None), ("9" * 5000, None)])
def test_attempts_are_a_plain_number(said: str, attempts: int | None) -> None:
    """Anything else is not a number of ours."""
    assert letter(RETRY_ATTEMPTS=text(said)).attempts == attempts
