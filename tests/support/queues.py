"""Queues of the local endpoint, asked with boto3: what several tests of SQS need."""

import json
from typing import Any


def receive(sqs: Any, url: str, count: int = 10, **options: Any) -> list[Any]:
    """Receive messages with all of their attributes."""
    answer = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=count,
        MessageSystemAttributeNames=["All"],
        MessageAttributeNames=["All"],
        **options,
    )
    found: list[Any] = answer.get("Messages", [])
    return found


def arn_of(sqs: Any, url: str) -> str:
    """Return a queue's ARN."""
    return str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])


def count_of(sqs: Any, url: str) -> int:
    """Return how many messages of a queue are visible."""
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])
    return int(attributes["Attributes"]["ApproximateNumberOfMessages"])


def pair(sqs: Any, name: str, maximum: int = 2, **attributes: str) -> tuple[str, str]:
    """Make a queue and its dead-letter queue."""
    suffix = ".fifo" if "FifoQueue" in attributes else ""
    dead = sqs.create_queue(QueueName=f"{name}-dead{suffix}", Attributes=attributes)["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": arn_of(sqs, dead), "maxReceiveCount": maximum})
    source = sqs.create_queue(QueueName=f"{name}{suffix}", Attributes={**attributes, "RedrivePolicy": redrive})[
        "QueueUrl"
    ]
    return source, dead
