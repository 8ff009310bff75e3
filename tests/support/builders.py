"""Builders of messages, envelopes and records. They are valid unless a test changes them."""

import hashlib
import json
import time
import uuid
from typing import Any

QUEUE_ARN = "arn:aws:sqs:us-east-1:123456789012:messages"


def message(**changes: Any) -> dict[str, Any]:
    """Return a valid SMS. A change of None removes the field."""
    fields: dict[str, Any] = {
        "provider": "twlo",
        "channel_key": "ck_main",
        "to": "+16175550123",
        "text": "Your order has shipped",
    }
    return {name: value for name, value in {**fields, **changes}.items() if value is not None}


def twilio_template(**changes: Any) -> dict[str, Any]:
    """Return a valid WhatsApp template message through Twilio."""
    template = {"id": "HX0123456789abcdef0123456789abcdef", "variables": {"1": "John", "2": "john@example.com"}}
    return message(provider="twlowa", text=None) | {"template": template} | changes


def gupshup_template(**changes: Any) -> dict[str, Any]:
    """Return a valid WhatsApp template message through Gupshup."""
    variables = {
        "MEDIA_URL": "https://example.com/ticket.pdf",
        "Header": {"1": "John"},
        "Body": {"1": "ORDER-1001"},
        "Buttons": {"1": "Track"},
    }
    return message(provider="gswa", text=None) | {"template": {"id": "c6aecef6", "variables": variables}} | changes


def eventbridge_event(detail: Any, **changes: Any) -> dict[str, Any]:
    """Return an event as an EventBridge rule delivers it."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Send Message",
        "source": "com.example.orders",
        "account": "123456789012",
        "time": "2026-11-23T10:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": detail,
        **changes,
    }


def sns_notification(text: str, **changes: Any) -> dict[str, Any]:
    """Return a notification as a topic without raw delivery puts it on a queue."""
    return {
        "Type": "Notification",
        "MessageId": str(uuid.uuid4()),
        "TopicArn": "arn:aws:sns:us-east-1:123456789012:orders",
        "Message": text,
        "Timestamp": "2026-11-23T10:00:00.000Z",
        "SignatureVersion": "1",
        "Signature": "EXAMPLE==",
        "SigningCertURL": "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0.pem",
        "UnsubscribeURL": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
        **changes,
    }


def sqs_record(
    body: Any,
    *,
    attributes: dict[str, dict[str, Any]] | None = None,
    receives: int = 1,
    sent_at: float | None = None,
    first_received_at: float | None = None,
    group: str | None = None,
    receipt_handle: str = "receipt",
    message_id: str | None = None,
) -> dict[str, Any]:
    """Return a record as Lambda passes it to the function. A body that is not a string is written as JSON."""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    sent = time.time() if sent_at is None else sent_at
    system = {
        "ApproximateReceiveCount": str(receives),
        "SentTimestamp": str(int(sent * 1000)),
        "SenderId": "AIDAEXAMPLE",
        "ApproximateFirstReceiveTimestamp": str(int((sent if first_received_at is None else first_received_at) * 1000)),
    }
    if group:
        system |= {"MessageGroupId": group, "MessageDeduplicationId": str(uuid.uuid4()), "SequenceNumber": "1"}
    return {
        "messageId": message_id or str(uuid.uuid4()),
        "receiptHandle": receipt_handle,
        "body": text,
        "attributes": system,
        "messageAttributes": attributes or {},
        "md5OfBody": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": f"{QUEUE_ARN}.fifo" if group else QUEUE_ARN,
        "awsRegion": "us-east-1",
    }


def text_attribute(value: str) -> dict[str, Any]:
    """Return a string attribute in the shape that Lambda uses."""
    return {"stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": "String"}


def sqs_event(*records: dict[str, Any]) -> dict[str, Any]:
    """Return an SQS event with these records."""
    return {"Records": list(records)}
