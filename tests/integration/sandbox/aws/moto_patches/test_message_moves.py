"""Message move tasks (dead-letter redrive), asked of the endpoint with boto3."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.queues import arn_of, count_of, pair, receive


def move(sqs: Any, source: str, destination: str | None, **options: Any) -> str:
    """Start a move and return the task's handle."""
    if destination:
        options["DestinationArn"] = destination
    return str(sqs.start_message_move_task(SourceArn=source, **options)["TaskHandle"])


def newest_task(sqs: Any, source: str) -> dict[str, Any]:
    """Return the newest move task of a queue."""
    task: dict[str, Any] = sqs.list_message_move_tasks(SourceArn=source)["Results"][0]
    return task


def test_moves_dead_letters_to_a_destination(sqs: Any, name: str) -> None:
    """A move task puts body and attributes on the destination as new messages, and reports how many."""
    source, dead = pair(sqs, name)
    attributes = {"A": {"DataType": "String", "StringValue": "b"}}
    sent = [
        sqs.send_message(QueueUrl=dead, MessageBody=body, MessageAttributes=attributes)["MessageId"] for body in "abc"
    ]
    move(sqs, arn_of(sqs, dead), arn_of(sqs, source))
    task = newest_task(sqs, arn_of(sqs, dead))
    assert task["Status"] == "COMPLETED"
    assert (task["ApproximateNumberOfMessagesMoved"], task["ApproximateNumberOfMessagesToMove"]) == (3, 3)
    moved = receive(sqs, source)
    assert sorted(message["Body"] for message in moved) == ["a", "b", "c"]
    assert all(message["MessageAttributes"] == attributes for message in moved)
    assert all(message["Attributes"]["ApproximateReceiveCount"] == "1" for message in moved)
    assert not {message["MessageId"] for message in moved} & set(sent)


def test_moves_back_only_what_sqs_moved(sqs: Any, name: str) -> None:
    """Without a destination a message goes back where SQS took it from, and one that a producer sent fails the task."""
    source, dead = pair(sqs, name, maximum=1)
    sqs.send_message(QueueUrl=source, MessageBody="x")
    receive(sqs, source, VisibilityTimeout=0)
    assert receive(sqs, source) == []
    move(sqs, arn_of(sqs, dead), None)
    assert count_of(sqs, source) == 1
    assert newest_task(sqs, arn_of(sqs, dead))["Status"] == "COMPLETED"
    sqs.send_message(QueueUrl=dead, MessageBody="y")
    move(sqs, arn_of(sqs, dead), None)
    assert newest_task(sqs, arn_of(sqs, dead))["Status"] == "FAILED"
    assert newest_task(sqs, arn_of(sqs, dead))["FailureReason"] == "CouldNotDetermineMessageSource"
    assert count_of(sqs, dead) == 1


def test_a_fifo_move_keeps_groups_and_order(sqs: Any, name: str) -> None:
    """Messages of a FIFO dead-letter queue keep their group and order, and are not dropped as duplicates."""
    source, dead = pair(sqs, name, maximum=1, FifoQueue="true", ContentBasedDeduplication="true")
    for body in "abc":
        sqs.send_message(QueueUrl=source, MessageBody=body, MessageGroupId="g")
    receive(sqs, source, VisibilityTimeout=0)
    assert receive(sqs, source) == []
    move(sqs, arn_of(sqs, dead), arn_of(sqs, source))
    assert count_of(sqs, source) == 3
    moved = receive(sqs, source)
    assert [(m["Body"], m["Attributes"]["MessageGroupId"]) for m in moved] == [("a", "g"), ("b", "g"), ("c", "g")]


def test_refuses_to_move_from_what_is_no_dead_letter_queue(sqs: Any, name: str) -> None:
    """Only a dead-letter queue's messages can be moved."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    with pytest.raises(ClientError, match="Dead Letter Queue"):
        move(sqs, arn_of(sqs, url), None)
