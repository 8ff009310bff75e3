"""What the sandbox relies on in SNS, asked of the endpoint with boto3."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_clients import Clients


def test_a_subscriber_that_would_get_nothing_is_refused(aws: Clients, name: str) -> None:
    """Only queues are subscribers here."""
    topic = aws("sns").create_topic(Name=name)["TopicArn"]
    with pytest.raises(ClientError, match="to SQS queues only"):
        aws("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")


def test_a_message_that_is_lost_is_reported(aws: Clients, name: str, wait_for_line: Callable[[str], None]) -> None:
    """SNS drops a message for a queue that is gone, without a dead-letter queue. The publisher gets no error."""
    topic = aws("sns").create_topic(Name=name)["TopicArn"]
    endpoint = f"arn:aws:sqs:us-east-1:123456789012:{name}-none"
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)
    published = aws("sns").publish(TopicArn=topic, Message=json.dumps({"to": "x"}))["MessageId"]
    wait_for_line(f"{endpoint} could not get message {published} of {topic}, which is lost")
