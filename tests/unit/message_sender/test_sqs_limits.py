"""What SQS takes: characters, sizes and batches."""

import pytest

from message_sender.sqs_limits import (
    MAXIMUM_MESSAGE_BYTES,
    Attribute,
    SendEntry,
    chunks,
    is_allowed,
    message_bytes,
    numbered,
)


def entry(size: int) -> SendEntry:
    """An entry of so many bytes."""
    return {"MessageBody": "x" * size}


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([], []),
        ([1] * 25, [10, 10, 5]),
        ([MAXIMUM_MESSAGE_BYTES, 1, MAXIMUM_MESSAGE_BYTES - 1, 1], [1, 2, 1]),
        ([MAXIMUM_MESSAGE_BYTES // 3] * 4, [3, 1]),
    ],
)
def test_a_batch_has_at_most_ten_entries_and_one_mebibyte(sizes: list[int], expected: list[int]) -> None:
    """Both limits, and no entry left out or moved."""
    found = list(chunks([entry(size) for size in sizes]))

    assert [len(chunk) for chunk in found] == expected
    assert [len(e["MessageBody"]) for chunk in found for e in chunk] == sizes


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("a", True),
        ("\t\n\r \ud7ff\ue000\ufffd\U0001f600", True),
        ("", False),
        ("\x00", False),
        ("\x1f", False),
        ("\ufffe", False),
        ("\ud800", False),
    ],
)
def test_a_text_has_only_characters_of_xml(text: str, *, allowed: bool) -> None:
    """SendMessage refuses any other character, and an empty text."""
    assert is_allowed(text) is allowed


def test_names_types_and_values_of_attributes_count() -> None:
    """Text counts in bytes of UTF-8, a binary value as it is."""
    attributes: dict[str, Attribute] = {
        "text": {"DataType": "String", "StringValue": "é"},
        "blob": {"DataType": "Binary", "BinaryValue": b"123"},
    }

    assert message_bytes({"MessageBody": "é", "MessageAttributes": attributes}) == 2 + (4 + 6 + 2) + (4 + 6 + 3)


def test_an_entry_is_named_by_its_position() -> None:
    """The answer of a batch call names entries by their id."""
    assert [each["Id"] for each in numbered([{}, {}])] == ["0", "1"]
