"""What the project relies on in SQS, asked of the endpoint with boto3."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.queues import arn_of, pair, receive


def test_a_received_message_is_invisible_until_its_timeout(sqs: Any, name: str) -> None:
    """A received message comes back after its visibility timeout, with a higher receive count."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    first = receive(sqs, url, VisibilityTimeout=1)
    assert receive(sqs, url) == []
    again = receive(sqs, url, WaitTimeSeconds=5)
    assert [m["Attributes"]["ApproximateReceiveCount"] for m in (*first, *again)] == ["1", "2"]


def test_visibility_is_changed_in_a_batch(sqs: Any, name: str) -> None:
    """One answer of ChangeMessageVisibilityBatch has a success and a failure."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    handle = receive(sqs, url)[0]["ReceiptHandle"]
    answer = sqs.change_message_visibility_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "a", "ReceiptHandle": handle, "VisibilityTimeout": 0},
            {"Id": "b", "ReceiptHandle": "none", "VisibilityTimeout": 0},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["a"]
    assert [(entry["Id"], entry["SenderFault"]) for entry in answer["Failed"]] == [("b", True)]
    assert len(receive(sqs, url)) == 1


def test_a_message_is_delayed(sqs: Any, name: str) -> None:
    """A delayed message is counted as delayed, and is received after its delay."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=1)
    names = ["ApproximateNumberOfMessagesDelayed"]
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"] == {names[0]: "1"}
    assert receive(sqs, url) == []
    assert len(receive(sqs, url, WaitTimeSeconds=5)) == 1


def test_the_redrive_policy_moves_a_message(sqs: Any, name: str) -> None:
    """After maxReceiveCount receives a message goes to the dead-letter queue with body, attributes, id and source."""
    source, dead = pair(sqs, name)
    attributes = {"A": {"DataType": "String", "StringValue": "b"}}
    sent = sqs.send_message(QueueUrl=source, MessageBody="x", MessageAttributes=attributes)
    for _ in range(2):
        assert len(receive(sqs, source, VisibilityTimeout=0)) == 1
    assert receive(sqs, source) == []
    (letter,) = receive(sqs, dead)
    assert (letter["MessageId"], letter["Body"]) == (sent["MessageId"], "x")
    assert letter["MessageAttributes"] == attributes
    assert letter["Attributes"]["DeadLetterQueueSourceArn"] == arn_of(sqs, source)


def test_a_message_stays_when_the_dead_letter_queue_is_gone(
    sqs: Any, name: str, wait_for_line: Callable[[str], None]
) -> None:
    """The redrive policy moves nothing, the message is delivered again, and a printed line says why."""
    source, dead = pair(sqs, name, maximum=1)
    sqs.send_message(QueueUrl=source, MessageBody="x")
    sqs.delete_queue(QueueUrl=dead)
    for _ in range(3):
        assert len(receive(sqs, source, VisibilityTimeout=0)) == 1
    wait_for_line(f"the dead-letter queue of {name} does not exist")


def test_refuses_an_eleventh_attribute(sqs: Any, name: str) -> None:
    """A message has at most ten attributes."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    attributes = {f"A{number}": {"DataType": "String", "StringValue": "x"} for number in range(11)}
    with pytest.raises(ClientError):
        sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attributes)
    answer = sqs.send_message_batch(
        QueueUrl=url,
        Entries=[
            {"Id": "many", "MessageBody": "x", "MessageAttributes": attributes},
            {"Id": "none", "MessageBody": "x"},
        ],
    )
    assert [entry["Id"] for entry in answer["Successful"]] == ["none"]
    assert [(entry["Id"], entry["Code"]) for entry in answer["Failed"]] == [("many", "InvalidParameterValue")]
    del attributes["A10"]
    sqs.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attributes)


def test_limits_are_bytes_and_count_attributes(sqs: Any, name: str) -> None:
    """A message has at most 1 MiB, in bytes, attributes included, and so has a batch."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    limit = 1024 * 1024
    sqs.send_message(QueueUrl=url, MessageBody="x" * limit)
    attributes = {"A": {"DataType": "String", "StringValue": "b"}}
    for body in ("x" * (limit - 7), "é" * (limit // 2)):
        with pytest.raises(ClientError):
            sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=attributes)
    sqs.send_message(QueueUrl=url, MessageBody="x" * (limit - 8), MessageAttributes=attributes)
    entries = [{"Id": str(n), "MessageBody": "é" * (limit // 8)} for n in range(5)]
    with pytest.raises(ClientError, match="BatchRequestTooLong"):
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    with pytest.raises(ClientError, match="TooManyEntries"):
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": "x"} for n in range(11)])


def test_no_message_is_received_twice_at_once(sqs: Any, name: str) -> None:
    """Receivers at the same time never get the same message."""
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    for start in range(0, 50, 10):
        sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(n), "MessageBody": str(start + n)} for n in range(10)])
    with ThreadPoolExecutor(10) as pool:
        received = list(pool.map(lambda _: receive(sqs, url, 5), range(20)))
    bodies = sorted(int(message["Body"]) for batch in received for message in batch)
    assert bodies == list(range(50))


def test_a_fifo_group_stays_in_order_after_a_redelivery(sqs: Any, name: str) -> None:
    """A group that is visible again comes in its order, and a message in flight blocks those behind it."""
    url = sqs.create_queue(
        QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    )["QueueUrl"]
    for body in "abc":
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    first = receive(sqs, url)
    assert [message["Body"] for message in first] == ["a", "b", "c"]
    numbers = [int(message["Attributes"]["SequenceNumber"]) for message in first]
    assert numbers == sorted(numbers)
    for message in first[1:]:
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    assert receive(sqs, url) == [], "a is in flight: b and c must wait"
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=first[0]["ReceiptHandle"], VisibilityTimeout=0)
    assert [message["Body"] for message in receive(sqs, url)] == ["a", "b", "c"]


def test_fifo_deduplicates_also_what_is_gone(sqs: Any, name: str) -> None:
    """The same deduplication id is accepted and not delivered again, also after the first message was deleted."""
    url = sqs.create_queue(QueueName=f"{name}.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]

    def send(body: str) -> str:
        answer = sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g", MessageDeduplicationId="same")
        return str(answer["MessageId"])

    first = send("a")
    (message,) = receive(sqs, url)
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert send("b") == first
    assert receive(sqs, url) == []
