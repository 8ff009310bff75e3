"""The batches for the contenders: valid messages as Lambda passes them, each with its own id."""

import hashlib
import json
import time
import uuid
from typing import Any


def batches(messages: int, size: int) -> list[dict[str, Any]]:
    """Return `messages` messages in SQS events of at most `size` records."""
    records = [_record() for _ in range(messages)]
    return [{"Records": records[start : start + size]} for start in range(0, messages, size)]


def _record() -> dict[str, Any]:
    message = {"provider": "twlo", "channel_key": "ck_main", "to": "+16175551212", "text": "Your order has shipped"}
    body = json.dumps(message)
    milliseconds = str(int(time.time() * 1000))
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "receipt",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": milliseconds,
            "SenderId": "AIDAEXAMPLE",
            "ApproximateFirstReceiveTimestamp": milliseconds,
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:messages",
        "awsRegion": "us-east-1",
    }
