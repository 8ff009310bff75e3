"""What SQS takes. Source: SendMessage, MessageAttributeValue and CreateQueue in the SQS API Reference."""

from __future__ import annotations

import json
import re
from typing import Any

from moto.sqs import models
from moto.sqs.exceptions import InvalidAttributeValue, InvalidParameterValue, MissingParameter, SQSException

from sandbox.aws.moto_patches.registry import patch

_moto_set_attributes = models.Queue._set_attributes

_MOST_ATTRIBUTES = 10
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ALLOWED_CHARACTERS = "#x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF"
_RANGES = {
    "DelaySeconds": (0, 900),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
_RECEIVES = (1, 1000)


def refusal(body: str, attributes: dict[str, Any]) -> SQSException | None:
    """Return the error with which SQS refuses a message, whatever its size, or None."""
    if not body:
        return MissingParameter("MessageBody")
    if _FORBIDDEN.search(body):
        return SQSException("InvalidMessageContents", f"Allowed characters: {_ALLOWED_CHARACTERS}.")
    if len(attributes) > _MOST_ATTRIBUTES:
        limit = f"exceeds the allowed maximum [{_MOST_ATTRIBUTES}]."
        return InvalidParameterValue(f"Number of message attributes [{len(attributes)}] {limit}")
    for name, attribute in attributes.items():
        value = attribute.get("StringValue", attribute.get("BinaryValue"))
        if name.lower().startswith(("aws.", "amazon.")):
            return InvalidParameterValue(f"Message attribute name '{name}' starts with a reserved prefix.")
        if not value:
            return InvalidParameterValue(f"Message attribute '{name}' must contain a non-empty value.")
        if isinstance(value, str) and _FORBIDDEN.search(value):
            return InvalidParameterValue(f"Message attribute '{name}' allows: {_ALLOWED_CHARACTERS}.")
    return None


def message_size(body: str, attributes: dict[str, Any] | None) -> int:
    """Return a message's size in bytes as SQS counts it: the body, and each attribute's name, type and value."""
    size = len(body.encode(errors="replace"))
    for name, attribute in (attributes or {}).items():
        value = attribute.get("StringValue") or attribute.get("BinaryValue") or ""
        size += len(name.encode()) + len(attribute.get("DataType", "").encode())
        size += len(value if isinstance(value, bytes) else str(value).encode(errors="replace"))
    return size


@patch(models.Queue, "_set_attributes")
def set_attributes(self: models.Queue, attributes: dict[str, Any], now: float | None = None) -> None:
    """Moto takes attributes of a queue beyond their limits."""
    for name in attributes.keys() & _RANGES.keys():
        least, most = _RANGES[name]
        if not least <= int(attributes[name]) <= most:
            raise InvalidAttributeValue(name)
    policy = attributes.get("RedrivePolicy") or {}
    policy = json.loads(policy) if isinstance(policy, str) else policy
    if policy and not _RECEIVES[0] <= int(policy.get("maxReceiveCount", 10)) <= _RECEIVES[1]:
        raise InvalidAttributeValue("RedrivePolicy")
    _moto_set_attributes(self, attributes, now)
