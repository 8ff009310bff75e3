"""A file of messages: what is taken for one, on which line it begins, and that its text stays as it is."""

import json
from datetime import UTC, datetime

import pytest

from message_sender.sqs_limits import MAXIMUM_MESSAGE_BYTES
from sociocs_cli.messages import expired, read
from tests.support.builders import message

ONE = json.dumps(message(text="one"))
TWO = json.dumps(message(text="two"), indent=2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(ONE, [(1, ONE)], id="one-line"),
        pytest.param(f"\n\n{TWO}\n", [(3, TWO)], id="one-object-over-lines"),
        pytest.param(f"{ONE}\n{ONE}\n", [(1, ONE), (2, ONE)], id="json-lines"),
        pytest.param(f"{ONE}\r\n\r\n  {ONE}  \r\n", [(1, ONE), (3, ONE)], id="json-lines-of-windows"),
        pytest.param(f"{TWO}\n{ONE}{TWO}", [(1, TWO), (7, ONE), (7, TWO)], id="objects-one-after-the-other"),
        pytest.param(f"[{ONE},\n {TWO}\n]\n", [(1, ONE), (2, TWO)], id="array"),
        pytest.param(f"\ufeff[{ONE}]", [(1, ONE)], id="byte-order-mark"),
    ],
)
def test_messages_are_found_with_their_lines(text: str, expected: list[tuple[int, str]]) -> None:
    """One object, an array or JSON Lines; the body is the very text of the file."""
    valid, refused = read(text)

    assert refused == []
    assert [(found.line, found.body) for found in valid] == expected


@pytest.mark.parametrize(
    ("text", "places"),
    [
        pytest.param("hello\n", [(1, 1)], id="no-json"),
        pytest.param(f"{ONE}\n\nhello\n{ONE}\n{{}}\n", [(2, 3), *[(4, 5)] * 4], id="json-lines"),
        pytest.param(f"{ONE[:-1]}\n{ONE}\n[1]\n", [(1, 1), (3, 3)], id="mistake-in-the-first-line"),
        pytest.param(f"[{ONE}, 5, {ONE}, 6]", [(2, 1), (4, 1)], id="array-of-something"),
        pytest.param(f"[{ONE},\n{ONE[:-1]}\n]", [(2, 2)], id="array-with-a-mistake"),
        pytest.param(f"[{ONE},]", [(2, 1)], id="comma-at-the-end"),
        pytest.param(f"[{ONE}\n{ONE}]", [(2, 2)], id="comma-left-out"),
        pytest.param(f"[{ONE}", [(2, 1)], id="array-without-end"),
        pytest.param(f"[{ONE}]\n{ONE}x", [(2, 2)], id="something-after-the-array"),
        pytest.param('{"provider": "twlo", "provider": "gswa"}', [(1, 1)], id="name-given-twice"),
    ],
)
def test_what_is_no_message_is_refused_with_its_place(text: str, places: list[tuple[int, int]]) -> None:
    """Nothing is guessed, and every problem is listed, by the number of its message and its line."""
    _, refused = read(text)

    assert [(refusal.number, refusal.line) for refusal in refused] == places


@pytest.mark.parametrize("text", ["", " \n\n", "[]", "\ufeff[ ]\n"])
def test_a_file_without_messages_holds_neither_good_ones_nor_bad(text: str) -> None:
    """There is nothing in it to be wrong."""
    assert read(text) == ([], [])


def test_the_line_inside_a_message_is_that_of_the_file() -> None:
    """JSON's own complaint counts from the beginning of the file."""
    _, [refusal] = read('\n\n{\n"provider": x\n}')

    assert refusal.problem == "not JSON: Expecting value at line 4 column 13"


@pytest.mark.parametrize(("over", "is_valid"), [(0, True), (1, False)])
def test_a_message_must_fit_with_its_key(over: int, *, is_valid: bool) -> None:
    """1 MiB with the attribute that carries the key, or without one when the message has its own."""
    body = message(text="", metadata={"idempotency_key": "k"})
    body["text"] = "x" * (MAXIMUM_MESSAGE_BYTES - len(json.dumps(body)) + over)

    valid, refused = read(json.dumps(body))

    assert (len(valid), len(refused)) == ((1, 0) if is_valid else (0, 1))


def test_characters_that_sqs_does_not_take_are_refused() -> None:
    """SQS would refuse the whole batch for U+FFFF; written as an escape it is fine."""
    raw = json.dumps(message(text="\uffff"), ensure_ascii=False)

    assert read(raw)[1][0].problem.startswith("holds a character that SQS does not take")
    assert read(json.dumps(message(text="\uffff")))[1] == []


def test_messages_that_have_expired_are_found() -> None:
    """At the moment itself a message is not sent any more."""
    now = datetime(2026, 11, 24, 10, tzinfo=UTC)
    moments = [None, "2026-11-24T10:00:00Z", "2026-11-24T11:00:00+02:00", "2026-11-24T10:00:01Z"]
    text = "\n".join(json.dumps(message(metadata={"expires_at": at} if at else None)) for at in moments)

    valid, _ = read(text)

    assert [(found.number, found.line) for found in expired(valid, now)] == [(2, 2), (3, 3)]
