"""What SQS takes: sizes, characters, ids and batches. Source: the page "Amazon SQS message quotas"."""

import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Required, TypedDict


class Attribute(TypedDict, total=False):
    """A message attribute as SendMessage takes it: a type, and a text or bytes."""

    DataType: Required[str]
    StringValue: str
    BinaryValue: bytes


class SendEntry(TypedDict, total=False):
    """An entry of SendMessageBatch, without its `Id`."""

    MessageBody: Required[str]
    MessageAttributes: dict[str, Attribute]
    DelaySeconds: int
    MessageGroupId: str
    MessageDeduplicationId: str


MAXIMUM_MESSAGE_BYTES = 1_048_576
"""Body and attributes together; also all entries of one batch together."""
MAXIMUM_ATTRIBUTES = 10
BATCH_ENTRIES = 10
"""Entries of one batch call. PutEvents takes as many."""
LONGEST_DELAY_SECONDS = 900
"""DelaySeconds of a message that is new on a queue."""
LONGEST_VISIBILITY_SECONDS = 43_200
"""12 hours from the receive."""

# SendMessage: "A message can include only XML, JSON, and unformatted text", in characters of XML 1.0.
_NOT_ALLOWED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def is_allowed(text: str) -> bool:
    """Say whether SQS takes a text as a body or as an attribute's value: not empty, only characters of XML 1.0."""
    return bool(text) and not _NOT_ALLOWED.search(text)


def message_bytes(entry: SendEntry) -> int:
    """Count the bytes of a message as SQS does: its body, and each attribute's name, type and value."""
    attributes = entry.get("MessageAttributes", {})
    return len(entry["MessageBody"].encode()) + sum(attribute_bytes(*item) for item in attributes.items())


def attribute_bytes(name: str, attribute: Attribute) -> int:
    """Count the bytes of one message attribute."""
    value = attribute["BinaryValue"] if "BinaryValue" in attribute else attribute["StringValue"].encode()
    return len(name.encode()) + len(attribute["DataType"].encode()) + len(value)


def fifo_id(text: str) -> str:
    """Make a message group id or a deduplication id from any text: SQS allows few characters in them."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def chunks(entries: Iterable[SendEntry]) -> Iterator[list[SendEntry]]:
    """Cut messages into what one SendMessageBatch takes: at most 10 entries and 1 MiB together."""
    chunk: list[SendEntry] = []
    left = MAXIMUM_MESSAGE_BYTES
    for entry in entries:
        cost = message_bytes(entry)
        if chunk and (len(chunk) == BATCH_ENTRIES or cost > left):
            yield chunk
            chunk, left = [], MAXIMUM_MESSAGE_BYTES
        chunk.append(entry)
        left -= cost
    if chunk:
        yield chunk


def numbered(entries: Iterable[Mapping[str, Any]]) -> list[Any]:  # Any: boto3 has a type of its own for each call
    """Give each entry of a batch call its position as `Id`; the answer names entries by it."""
    return [{"Id": str(position), **entry} for position, entry in enumerate(entries)]
