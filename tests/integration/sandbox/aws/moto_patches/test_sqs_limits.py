"""What SQS refuses, asked of the endpoint with boto3."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_clients import Clients


@pytest.fixture
def sqs(aws: Clients) -> Any:
    """Return the SQS client."""
    return aws("sqs")


ATTRIBUTE = {"DataType": "String", "StringValue": "x"}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"MessageBody": ""}, "MissingParameter"),
        ({"MessageBody": "a\x00b"}, "InvalidMessageContents"),
        ({"MessageBody": "a\x0bb"}, "InvalidMessageContents"),
        ({"MessageBody": "a\ufffeb"}, "InvalidMessageContents"),
        ({"MessageBody": "a", "MessageAttributes": {"A": {**ATTRIBUTE, "StringValue": ""}}}, "InvalidParameterValue"),
        (
            {"MessageBody": "a", "MessageAttributes": {"A": {**ATTRIBUTE, "StringValue": "\x1b"}}},
            "InvalidParameterValue",
        ),
        ({"MessageBody": "a", "MessageAttributes": {"AWS.a": ATTRIBUTE}}, "InvalidParameterValue"),
        (
            {"MessageBody": "a", "MessageAttributes": {"A": {"DataType": "Binary", "BinaryValue": b""}}},
            "InvalidParameterValue",
        ),
        ({"MessageBody": "a", "MessageAttributes": {f"A{n}": ATTRIBUTE for n in range(11)}}, "InvalidParameterValue"),
    ],
)
def test_a_message_is_refused(sqs: Any, name: str, message: dict[str, Any], code: str) -> None:
    """SendMessage answers with an error, and SendMessageBatch with one failed entry."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    with pytest.raises(ClientError) as caught:
        sqs.send_message(QueueUrl=url, **message)
    assert caught.value.response["Error"]["Code"] == code
    entries = [{"Id": "bad", **message}, {"Id": "good", "MessageBody": "\t\n\r \ud7ff\ue000\ufffd\U0001f600"}]
    answer = sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert [entry["Id"] for entry in answer["Successful"]] == ["good"]
    assert [(entry["Id"], entry["Code"], entry["SenderFault"]) for entry in answer["Failed"]] == [("bad", code, True)]


@pytest.mark.parametrize(
    "attributes",
    [
        {"VisibilityTimeout": "43201"},
        {"MessageRetentionPeriod": "1209601"},
        {"MessageRetentionPeriod": "59"},
        {"DelaySeconds": "901"},
        {"ReceiveMessageWaitTimeSeconds": "21"},
        {"RedrivePolicy": {"maxReceiveCount": 1001}},
        {"RedrivePolicy": {"maxReceiveCount": 0}},
    ],
)
def test_an_attribute_of_a_queue_has_its_limits(sqs: Any, name: str, attributes: dict[str, Any]) -> None:
    """A value beyond the limit is refused by CreateQueue and by SetQueueAttributes."""
    dead = sqs.create_queue(QueueName=f"{name}-dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    values = {
        key: value if isinstance(value, str) else json.dumps({**value, "deadLetterTargetArn": arn})
        for key, value in attributes.items()
    }
    with pytest.raises(sqs.exceptions.InvalidAttributeValue, match="Invalid value for the parameter"):
        sqs.create_queue(QueueName=name, Attributes=values)
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    with pytest.raises(sqs.exceptions.InvalidAttributeValue, match="Invalid value for the parameter"):
        sqs.set_queue_attributes(QueueUrl=url, Attributes=values)
