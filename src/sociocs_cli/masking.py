"""What may be shown of a message by default: its shape, not what it says."""

import json
from collections.abc import Mapping

from message_sender.contract.problems import dotted
from message_sender.contract.strict_json import read_json
from message_sender.sqs_limits import Attribute

_PROVIDERS = ("twlo", "twlowa", "gswa")
_METADATA = frozenset({"idempotency_key", "expires_at", "reference"})
"""The contract says that they are not for personal data."""
_ENVELOPES: tuple[tuple[frozenset[str], frozenset[str], frozenset[str]], ...] = (
    # the fields by which an envelope is known, those that may be shown, and the one that holds the message
    (
        frozenset({"detail-type", "source", "detail"}),
        frozenset({"version", "id", "detail-type", "source", "account", "time", "region"}),
        frozenset({"detail"}),
    ),
    (
        frozenset({"Type", "TopicArn", "Message"}),
        frozenset({"Type", "MessageId", "TopicArn", "Timestamp", "SignatureVersion"}),
        frozenset({"Message"}),
    ),
    (
        frozenset({"requestContext", "requestPayload"}),
        frozenset({"version", "timestamp", "requestContext", "responseContext"}),
        frozenset({"requestPayload"}),
    ),
)


def masked_body(body: str) -> str:
    """Write a body with every value masked that could be personal data, laid out for reading."""
    try:
        return json.dumps(_opened(read_json(body)), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return _stars(body)


def masked_attributes(attributes: Mapping[str, Attribute]) -> dict[str, str]:
    """Write the producer's own attributes: names and types, not values."""
    return {
        name: f"{value['DataType']} {_stars(value.get('StringValue', value.get('BinaryValue', '')))}"
        for name, value in attributes.items()
    }


def masked_number(to: str) -> str:
    """Write the last two digits of a phone number, and nothing of a text that is too short to be one."""
    return f"***{to[-2:]}" if len(to) >= 8 else "***"


def _opened(value: object) -> object:
    """Mask a message, or the message in an envelope. The envelope's own values are not personal."""
    if isinstance(value, list):
        return [_opened(item) for item in value]
    if not isinstance(value, dict):
        return _masked(value)
    for has, shown, message in _ENVELOPES:
        if has <= value.keys():
            return {
                name: part if name in shown else _inner(part) if name in message else _masked(part)
                for name, part in value.items()
            }
    return {dotted((name,)): _of_message(name, part) for name, part in value.items()}


def _inner(value: object) -> object:
    try:
        return _opened(read_json(value) if isinstance(value, str) else value)
    except ValueError:
        return _masked(value)


def _of_message(name: str, value: object) -> object:
    if name == "provider" and value in _PROVIDERS:
        return value
    if name == "metadata" and isinstance(value, dict):
        return {dotted((n,)): v if n in _METADATA and isinstance(v, str) else _masked(v) for n, v in value.items()}
    return _masked(value)


def _masked(value: object) -> object:
    if isinstance(value, dict):
        return {dotted((name,)): _masked(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_masked(item) for item in value]
    return value if value is None or isinstance(value, bool) else _stars(str(value))


def _stars(value: str | bytes) -> str:
    unit = "byte" if isinstance(value, bytes) else "character"
    return f"*** ({len(value)} {unit}{'' if len(value) == 1 else 's'})"
