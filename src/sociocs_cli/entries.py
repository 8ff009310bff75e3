"""Messages as SendMessageBatch takes them, and as they are cut into batches."""

from collections.abc import Iterator, Sequence
from typing import Required, TypedDict, cast

from message_sender.sqs_limits import chunks


class Attribute(TypedDict, total=False):
    """A message attribute: a type, and a text or bytes."""

    DataType: Required[str]
    StringValue: str
    BinaryValue: bytes


class SendEntry(TypedDict, total=False):
    """An entry of SendMessageBatch, without its `Id`."""

    MessageBody: Required[str]
    MessageAttributes: dict[str, Attribute]
    MessageGroupId: str
    MessageDeduplicationId: str


def batches(entries: Sequence[SendEntry]) -> Iterator[list[SendEntry]]:
    """Cut entries into what one call takes."""
    return cast(Iterator[list[SendEntry]], chunks(cast(list[dict[str, object]], entries)))
