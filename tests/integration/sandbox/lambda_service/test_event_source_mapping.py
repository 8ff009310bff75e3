"""The event source mapping: a queue of moto's, polled into real processes of a toy function."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from sandbox.lambda_service.event_source_mapping import EventSourceMapping, Settings
from sandbox.lambda_service.function import Function
from sandbox.lambda_service.runtime import Runtime
from tests.support import ROOT

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

WaitFor = Callable[..., None]


@dataclass
class Rig:
    """One queue, one mapping, one toy function, and what the toy was given."""

    client: SQSClient
    url: str
    settings: Settings
    batches_path: Path
    mapping: EventSourceMapping = field(init=False)

    def send(self, body: Any, **more: Any) -> str:
        """Put a message on the queue."""
        text = body if isinstance(body, str) else json.dumps(body)
        return self.client.send_message(QueueUrl=self.url, MessageBody=text, **more)["MessageId"]

    def batches(self) -> list[dict[str, Any]]:
        """The batches that the toy was given."""
        if not self.batches_path.exists():
            return []
        return [json.loads(line) for line in self.batches_path.read_text().splitlines()]

    def bodies(self) -> list[str]:
        """The bodies of all records that the toy was given."""
        return [record["body"] for batch in self.batches() for record in batch["records"]]

    def enable(self) -> None:
        """Let the mapping poll: what was sent before comes as one batch, however slow the machine is."""
        self.settings = replace(self.settings, enabled=True)

    def show_again(self, record: dict[str, Any]) -> None:
        """Make the message of a record visible again."""
        self.client.change_message_visibility(
            QueueUrl=self.url, ReceiptHandle=record["receiptHandle"], VisibilityTimeout=0
        )

    def depth(self) -> int:
        """How many messages the queue has, those in flight included."""
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["All"])["Attributes"]
        return int(found["ApproximateNumberOfMessages"]) + int(found["ApproximateNumberOfMessagesNotVisible"])


@pytest.fixture
def start(moto_url: str, tmp_path: Path) -> Iterator[Callable[..., Rig]]:
    """Make a queue with a mapping and a function; everything ends with the test."""
    with ExitStack() as stack:

        def make(*, fifo: bool = False, visibility: int = 30, environments: int = 1, **settings: Any) -> Rig:
            client = boto3.client(
                "sqs",
                endpoint_url=moto_url,
                region_name="us-east-1",
                aws_access_key_id="test",
                aws_secret_access_key="test",
            )
            name = f"queue-{uuid.uuid4()}" + (".fifo" if fifo else "")
            attributes: dict[QueueAttributeNameType, str] = {"VisibilityTimeout": str(visibility)}
            if fifo:
                attributes["FifoQueue"] = "true"
            url = client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
            batches_path = tmp_path / f"{name}.jsonl"
            function = Function(
                name="toy",
                arn="arn:aws:lambda:us-east-1:123456789012:function:toy",
                handler="toy_function.lambda_handler",
                timeout_seconds=30,
                environment={"TOY_BATCHES": str(batches_path)},
                code_root=ROOT / "tests" / "support",
            )
            runtime = stack.enter_context(Runtime(function, environments))
            settings = {"partial_responses": True, **settings}
            arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"
            rig = Rig(client, url, Settings(queue_arn=arn, **settings), batches_path)
            rig.mapping = EventSourceMapping(moto_url, lambda: rig.settings, runtime.invoke, environments)
            stack.enter_context(rig.mapping)
            return rig

        yield make


def test_records_have_lambdas_shape(start: Callable[..., Rig], wait_for: WaitFor) -> None:
    """Body, system attributes, message attributes of each type and checksums come as from Lambda."""
    rig = start()
    message_id = rig.send(
        "é🙂",
        MessageAttributes={
            "TEXT": {"DataType": "String", "StringValue": "a"},
            "COUNT": {"DataType": "Number", "StringValue": "7"},
            "BYTES": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        },
    )
    wait_for(rig.batches)
    [record] = rig.batches()[0]["records"]
    assert record["messageId"] == message_id
    assert record["body"] == "é🙂"
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"] == rig.settings.queue_arn
    assert record["awsRegion"] == "us-east-1"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert {"SentTimestamp", "SenderId", "ApproximateFirstReceiveTimestamp"} <= record["attributes"].keys()
    assert record["md5OfBody"]
    assert record["md5OfMessageAttributes"]
    empty: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"] == {
        "TEXT": {"stringValue": "a", "dataType": "String", **empty},
        "COUNT": {"stringValue": "7", "dataType": "Number", **empty},
        "BYTES": {"binaryValue": "AP8=", "dataType": "Binary", **empty},
    }
    wait_for(lambda: rig.depth() == 0)


def test_partial_failures_come_back(start: Callable[..., Rig], wait_for: WaitFor) -> None:
    """Only the failed message of a batch is received again, once it is visible; the others are deleted."""
    rig = start(enabled=False)
    for body in ("one", {"fail": 1}, "three"):
        rig.send(body)
    rig.enable()
    wait_for(lambda: rig.depth() == 1)
    [batch] = rig.batches()
    rig.show_again(next(record for record in batch["records"] if "fail" in record["body"]))
    wait_for(lambda: rig.depth() == 0)
    assert sorted(rig.bodies()) == sorted(["one", json.dumps({"fail": 1}), json.dumps({"fail": 1}), "three"])
    assert rig.batches()[-1]["records"][0]["attributes"]["ApproximateReceiveCount"] == "2"


def test_a_batch_that_raises_comes_back_whole(start: Callable[..., Rig], wait_for: WaitFor) -> None:
    """An exception leaves every message of its batch in the queue, until their visibility timeout is over."""
    rig = start(visibility=1)
    rig.send({"raise": True})
    wait_for(lambda: len(rig.batches()) >= 2)
    wait_for(lambda: rig.depth() == 1)


def test_the_window_fills_a_batch(start: Callable[..., Rig], wait_for: WaitFor) -> None:
    """Messages that come within the batch window go to the function together, at most the batch size."""
    rig = start(batch_size=25, window_seconds=1, enabled=False)
    for _ in range(3):
        rig.client.send_message_batch(
            QueueUrl=rig.url, Entries=[{"Id": str(n), "MessageBody": str(n)} for n in range(10)]
        )
    rig.enable()
    wait_for(lambda: len(rig.bodies()) == 30)
    assert [len(batch["records"]) for batch in rig.batches()] == [25, 5]


def test_disabling_and_enabling(start: Callable[..., Rig], wait_for: WaitFor) -> None:
    """A disabled mapping receives no message. When it is enabled again, it continues."""
    rig = start()
    rig.settings = replace(rig.settings, enabled=False)
    wait_for(lambda: not rig.mapping.enabled)
    wait_for(lambda: not rig.mapping.busy)
    rig.send("while paused")
    assert rig.bodies() == []
    assert rig.depth() == 1
    rig.enable()
    wait_for(lambda: rig.bodies() == ["while paused"])


def test_batches_run_side_by_side(start: Callable[..., Rig], wait_for: WaitFor, tmp_path: Path) -> None:
    """Two environments work on two batches at a time, and never on a third."""
    rig = start(environments=2, batch_size=1)
    gate = tmp_path / "gate"
    for _ in range(3):
        rig.send({"hold_until_exists": str(gate)})
    wait_for(lambda: len(rig.batches()) == 2)
    assert len({batch["pid"] for batch in rig.batches()}) == 2
    gate.touch()
    wait_for(lambda: rig.depth() == 0)
    assert len(rig.batches()) == 3


def test_maximum_concurrency_is_kept(start: Callable[..., Rig], wait_for: WaitFor, tmp_path: Path) -> None:
    """A mapping's own limit below the number of environments holds."""
    rig = start(environments=2, batch_size=1, maximum_concurrency=1)
    gate = tmp_path / "gate"
    rig.send({"hold_until_exists": str(gate)})
    wait_for(rig.batches)
    rig.send("second")
    assert len(rig.batches()) == 1
    gate.touch()
    wait_for(lambda: rig.depth() == 0)
    assert len(rig.batches()) == 2


def test_a_fifo_group_is_never_in_two_places(start: Callable[..., Rig], wait_for: WaitFor, tmp_path: Path) -> None:
    """While one message of a group is worked on, other groups go on and the group's next message waits."""
    rig = start(fifo=True, environments=2, batch_size=1)
    gate = tmp_path / "gate"

    def send(body: Any, group: str) -> None:
        rig.send(body, MessageGroupId=group, MessageDeduplicationId=str(uuid.uuid4()))

    held = {"hold_until_exists": str(gate)}
    send(held, "a")
    wait_for(rig.batches)
    send("second of a", "a")
    send("first of b", "b")
    wait_for(lambda: "first of b" in rig.bodies())
    assert "second of a" not in rig.bodies()
    gate.touch()
    wait_for(lambda: rig.depth() == 0)
    assert rig.bodies() == [json.dumps(held), "first of b", "second of a"]
    attributes = rig.batches()[0]["records"][0]["attributes"]
    assert attributes["MessageGroupId"] == "a"
    assert {"MessageDeduplicationId", "SequenceNumber"} <= attributes.keys()


def test_a_fifo_message_that_comes_back_early_waits_for_its_batch(
    start: Callable[..., Rig], wait_for: WaitFor, tmp_path: Path
) -> None:
    """A message that is visible again while its batch is under way is received once more, and stays in order."""
    rig = start(fifo=True, environments=2, batch_size=1)
    gate = tmp_path / "gate"

    def send(body: Any, group: str) -> None:
        rig.send(body, MessageGroupId=group, MessageDeduplicationId=str(uuid.uuid4()))

    deferred = {"hold_until_exists": str(gate), "fail": 1}
    send(deferred, "a")
    wait_for(rig.batches)
    send("second of a", "a")
    rig.show_again(rig.batches()[0]["records"][0])
    for number in range(5):  # each is a poll that finds the deferred message too, were it to be had
        send(f"{number} of b", "b")
        wait_for(lambda number=number: f"{number} of b" in rig.bodies())
    assert rig.mapping.busy
    gate.touch()
    wait_for(lambda: rig.depth() == 0)
    of_a = [record for batch in rig.batches() for record in batch["records"] if " of b" not in record["body"]]
    assert [record["body"] for record in of_a] == [json.dumps(deferred), json.dumps(deferred), "second of a"]
    assert [record["attributes"]["ApproximateReceiveCount"] for record in of_a] == ["1", "2", "1"]


def test_what_is_in_hand_is_worked_on_before_a_pause(
    start: Callable[..., Rig], wait_for: WaitFor, tmp_path: Path
) -> None:
    """A mapping that is disabled receives no more messages, and finishes those that it has received."""
    rig = start(fifo=True, environments=2, batch_size=1)
    gate = tmp_path / "gate"
    rig.send({"hold_until_exists": str(gate), "fail": 1}, MessageGroupId="a", MessageDeduplicationId="a")
    wait_for(rig.batches)
    rig.show_again(rig.batches()[0]["records"][0])
    wait_for(lambda: rig.mapping._in_hand)
    rig.settings = replace(rig.settings, enabled=False)
    wait_for(lambda: not rig.mapping.enabled)
    gate.touch()
    assert rig.mapping.wait_until_idle(30)
    assert len(rig.batches()) == 2
    assert rig.depth() == 0
