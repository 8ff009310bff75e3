"""The sandbox as a whole: the real template and function between the AWS endpoint and the simulator."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.aws.callers import FUNCTION_ACCESS_KEY_ID, MAPPING_ACCESS_KEY_ID, USER_ACCESS_KEY_ID
from sandbox.sandbox import Sandbox, SandboxOptions


def message(text: str, key: str | None = None) -> dict[str, Any]:
    """A valid message."""
    content: dict[str, Any] = {"provider": "twlo", "channel_key": "ck", "to": "+16175551212", "text": text}
    return content | ({"metadata": {"idempotency_key": key}} if key else {})


def send(sandbox: Sandbox, content: Any, **more: Any) -> None:
    """Put a message on the queue."""
    url = sandbox.outputs["MessageQueueUrl"]
    sandbox.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(content), **more)


def texts(sandbox: Sandbox) -> list[str]:
    """The texts in the inbox, in the order of their acceptance."""
    return [accepted.body["text"] for accepted in sandbox.sociocs.accepted()]


@pytest.fixture(scope="module")
def direct() -> Iterator[Sandbox]:
    """A stack whose events go straight to the function."""
    overrides = {"READ_TIMEOUT_SECONDS": "1"}
    options = SandboxOptions(
        parameters={"EventBridgeTarget": "function"},
        environment_overrides=overrides,
        timeout_seconds=20,
        visibility_timeout_seconds=30,
        time_scale=60,
    )
    with Sandbox.start(options) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(direct: Sandbox) -> Sandbox:
    """The same stack, with nothing left of an earlier test in the simulator and the dead-letter queue."""
    direct.sociocs.reset()
    client, url = direct.client("sqs"), direct.outputs["MessageDeadLetterQueueUrl"]
    while letters := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        for letter in letters:
            client.delete_message(QueueUrl=url, ReceiptHandle=letter["ReceiptHandle"])
    return direct


def test_an_event_invokes_the_function_and_retries_over_the_queue(sandbox: Sandbox) -> None:
    """The first attempt at a direct event meets a 503, the queue brings it back, and it is sent once."""
    sandbox.sociocs.rule(nth=1, status=503)
    entry = {"Source": "orders", "DetailType": "Send Message", "Detail": json.dumps(message("direct"))}
    sandbox.client("events").put_events(Entries=[entry])
    sandbox.sociocs.wait_for_accepted(1, timeout=60)
    sandbox.wait_until_settled()
    assert texts(sandbox) == ["direct"]
    assert [request.status for request in sandbox.sociocs.requests()] == [503, 200]


def test_a_failed_asynchronous_event_reaches_the_destination(sandbox: Sandbox) -> None:
    """After three attempts Lambda's record of the failure, with the event, is in the dead-letter queue."""
    event = {"of": "no known shape"}
    name = sandbox.outputs["SendMessageFunctionName"]
    answer = sandbox.client("lambda").invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(event))
    assert answer["StatusCode"] == 202
    assert sandbox.runtime.wait_until_idle(60)
    [letter] = sandbox.dead_letters()
    record = json.loads(letter["Body"])
    assert record["version"] == "1.0"
    assert record["requestPayload"] == event
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestContext"]["functionArn"] == f"{sandbox.outputs['SendMessageFunctionArn']}:$LATEST"
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "UnknownEventError"


def test_pause_and_resume(sandbox: Sandbox) -> None:
    """A paused mapping leaves messages where they are, and resumed it takes them."""
    sandbox.pause()
    send(sandbox, message("paused"))
    assert not sandbox.settled
    assert sandbox.depth() == 1
    assert texts(sandbox) == []
    sandbox.resume()
    sandbox.wait_until_settled()
    assert texts(sandbox) == ["paused"]


def test_waits_are_scaled_and_the_visibility_timeout_is_not(sandbox: Sandbox) -> None:
    """A change of visibility lasts a sixtieth of its time. The queue's own visibility timeout is not divided."""
    client = sandbox.client("sqs")
    url = client.create_queue(QueueName="scaled", Attributes={"VisibilityTimeout": "30"})["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="a")
    [received] = client.receive_message(QueueUrl=url)["Messages"]
    assert "Messages" not in client.receive_message(QueueUrl=url, WaitTimeSeconds=1)
    client.change_message_visibility(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"], VisibilityTimeout=60)
    began = time.monotonic()
    assert client.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    assert 0.5 < time.monotonic() - began < 15


def test_overrides_reach_the_function(sandbox: Sandbox) -> None:
    """A read timeout of one second makes a silent API an unknown outcome at once."""
    sandbox.sociocs.rule(text_contains="silence", hold=True)
    send(sandbox, message("silence"))
    sandbox.wait_until_settled()
    [letter] = sandbox.dead_letters()
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "OUTCOME_UNKNOWN"
    sandbox.sociocs.clear_rules()
    assert sandbox.function.timeout_seconds == 20


def test_logs_and_metrics_of_the_function_can_be_read(sandbox: Sandbox) -> None:
    """The log lines are JSON, the metrics are among them, and no line has the recipient or the text."""
    before = len(sandbox.runtime.metrics())
    send(sandbox, message("a text of the log test"))
    sandbox.wait_until_settled()
    assert len(sandbox.runtime.metrics()) > before
    assert sandbox.runtime.log_records()
    everything = "\n".join(sandbox.runtime.log_lines())
    assert "+16175551212" not in everything
    assert "a text of the log test" not in everything


def test_the_calls_of_each_party_can_be_told_apart(sandbox: Sandbox) -> None:
    """The function writes the ledger, the mapping receives and deletes, and the user sends."""
    send(sandbox, message("whose calls"))
    sandbox.wait_until_settled()
    calls = {
        key: {(call.service, call.operation) for call in sandbox.calls(key)}
        for key in (FUNCTION_ACCESS_KEY_ID, MAPPING_ACCESS_KEY_ID, USER_ACCESS_KEY_ID)
    }
    assert ("dynamodb", "PutItem") in calls[FUNCTION_ACCESS_KEY_ID]
    assert calls[MAPPING_ACCESS_KEY_ID] == {
        ("sqs", "GetQueueAttributes"),
        ("sqs", "ReceiveMessage"),
        ("sqs", "DeleteMessageBatch"),
    }
    assert ("sqs", "SendMessage") in calls[USER_ACCESS_KEY_ID]


def binary(number: int) -> dict[str, Any]:
    """A message attribute of one byte."""
    return {"DataType": "Binary", "BinaryValue": bytes([number])}


def test_fifo_groups_keep_their_order_over_a_retry() -> None:
    """The second message of a group waits for the retry of the first. All dead letters of a group can be seen."""
    options = SandboxOptions(parameters={"QueueType": "fifo"}, functions=2, time_scale=60)
    with Sandbox.start(options) as sandbox:
        sandbox.sociocs.rule(text_contains="a1", nth=1, status=503)
        for text in ("a1", "a2", "b1", "a3"):
            send(sandbox, message(text), MessageGroupId=text[0], MessageDeduplicationId=text)
        sandbox.wait_until_settled()
        accepted = texts(sandbox)
        assert sorted(accepted) == ["a1", "a2", "a3", "b1"]
        assert [text for text in accepted if text.startswith("a")] == ["a1", "a2", "a3"]

        for number in range(12):
            letter = {"bad": number}
            send(sandbox, letter, MessageGroupId="a", MessageAttributes={"RAW": binary(number)})
        sandbox.wait_until_settled()
        for _ in range(2):  # looking changes nothing
            letters = sandbox.dead_letters()
            assert [json.loads(letter["Body"])["bad"] for letter in letters] == list(range(12))
            assert {letter["Attributes"]["ApproximateReceiveCount"] for letter in letters} == {"0"}
            assert {letter["Attributes"]["MessageGroupId"] for letter in letters} == {"a"}
            assert [letter["MessageAttributes"]["RAW"]["BinaryValue"] for letter in letters] == list(
                map(bytes, [[number] for number in range(12)])
            )
