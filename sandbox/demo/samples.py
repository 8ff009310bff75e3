"""The sample files in events/ as messages that a producer sends through SQS or EventBridge.

sqs-*.json           a Lambda event of SQS: each record's body and attributes go to SendMessage
eventbridge-*.json   an EventBridge event, or an array of them: each goes to PutEvents
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.server_process import ROOT

EVENTS = ROOT / "events"


@dataclass(frozen=True)
class Sample:
    """One message of a sample file.

    name: the name of its file, with a number when the file holds several messages
    body, attributes: for SendMessage; the body is None when the message is an event
    event: the EventBridge event; None when the message goes to the queue directly
    """

    name: str
    body: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    event: Mapping[str, Any] | None = None

    @property
    def way_in(self) -> str:
        """The services through which the message comes."""
        if self.event is not None:
            return "EventBridge"
        return {"event": "EventBridge in SQS", "notification": "SNS in SQS"}.get(self._envelope, "SQS")

    @property
    def content(self) -> Any:
        """The message without its envelope; None when it cannot be read."""
        if self.event is not None:
            return self.event["detail"]
        value = _json(self.body)
        if self._envelope == "event":
            return value["detail"]
        return _json(value.get("Message")) if self._envelope == "notification" else value

    @property
    def forwarded(self) -> Any:
        """The JSON that Sociocs should get: the content without `metadata`."""
        content = self.content
        if isinstance(content, dict):
            return {name: value for name, value in content.items() if name != "metadata"}
        return content

    @property
    def producer_key(self) -> str | None:
        """The idempotency key that the producer chose, if any."""
        content = self.content
        metadata = content.get("metadata") if isinstance(content, dict) else None
        key = metadata.get("idempotency_key") if isinstance(metadata, dict) else None
        return key if isinstance(key, str) else None

    @property
    def own_key(self) -> str | None:
        """The idempotency key in the message; None when the message gets its key from SQS or EventBridge."""
        if attribute := self.attributes.get("IDEMPOTENCY_KEY"):
            return str(attribute["StringValue"])
        if self.producer_key or self.event is not None:
            return self.producer_key
        name = {"event": "id", "notification": "MessageId"}.get(self._envelope)
        return str(_json(self.body)[name]) if name else None

    @property
    def _envelope(self) -> str:
        value = _json(self.body)
        if isinstance(value, dict) and "detail-type" in value and "detail" in value:
            return "event"
        return "notification" if isinstance(value, dict) and value.get("Type") == "Notification" else ""


def read_samples(directory: Path = EVENTS) -> list[Sample]:
    """Return all samples, by file name."""
    files = sorted([*directory.glob("sqs-*.json"), *directory.glob("eventbridge-*.json")])
    return [sample for file in files for sample in _read(file)]


def _read(file: Path) -> Iterator[Sample]:
    content = json.loads(file.read_text(encoding="utf-8"))
    parts = content["Records"] if file.name.startswith("sqs-") else content
    parts = parts if isinstance(parts, list) else [parts]
    for number, part in enumerate(parts, start=1):
        name = file.stem if len(parts) == 1 else f"{file.stem} {number}/{len(parts)}"
        if file.name.startswith("sqs-"):
            attributes = part.get("messageAttributes", {})
            yield Sample(name, part["body"], {key: _attribute(value) for key, value in attributes.items()})
        else:
            yield Sample(name, event=part)


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an attribute in the shape that SendMessage takes, from the shape that Lambda gives."""
    if value.get("binaryValue") is not None:
        return {"DataType": value["dataType"], "BinaryValue": base64.b64decode(value["binaryValue"])}
    return {"DataType": value["dataType"], "StringValue": value["stringValue"]}


def _json(text: Any) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError):
        return None
