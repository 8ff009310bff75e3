"""Stacks that `sam deploy` made do the main job, in each variant that the parameters offer."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.demo import program
from sandbox.demo.samples import read_samples
from sandbox.sandbox import Sandbox, SandboxOptions
from sandbox.steps import showing_steps

pytestmark = pytest.mark.timeout(300)

TIME_SCALE = 30.0
OWN_APIKEY = "ownOwnOwnOwn0001:ownOwnOwnOwnOwnOwnOwnOwnOwnOwn01"


def _options(parameters: Mapping[str, str]) -> SandboxOptions:
    return SandboxOptions(parameters=parameters, time_scale=TIME_SCALE)


def _message(text: str) -> dict[str, str]:
    return {"provider": "twlo", "channel_key": "channel", "to": "+16175551212", "text": text}


def _publish(sandbox: Sandbox, text: str, source: str = "com.example.orders") -> None:
    entry = {
        "Source": source,
        "DetailType": "Send Message",
        "Detail": json.dumps(_message(text)),
        "EventBusName": sandbox.outputs["EventBusName"],
    }
    assert sandbox.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def _queue(sandbox: Sandbox, text: str, **more: Any) -> None:
    url, body = sandbox.outputs["MessageQueueUrl"], json.dumps(_message(text))
    sandbox.client("sqs").send_message(QueueUrl=url, MessageBody=body, **more)


def _texts(sandbox: Sandbox) -> list[str]:
    return sorted(accepted.body["text"] for accepted in sandbox.sociocs.accepted())


@pytest.fixture(autouse=True)
def _sandbox_on_stacks_of_sam(monkeypatch: pytest.MonkeyPatch, sam_deploy: Any) -> None:
    """`Sandbox.start` deploys with `sam deploy`."""
    monkeypatch.setattr("sandbox.sandbox.deploy", sam_deploy)


def test_every_sample_goes_through_a_stack_with_defaults() -> None:
    """What `make demo` does, on a stack of `sam deploy`'s."""
    with showing_steps() as steps:
        demonstration = program.run(read_samples(), steps)
    assert demonstration.succeeded


def test_fifo_queues_keep_the_order_within_a_group() -> None:
    """Messages of one recipient arrive in the order in which they were sent; events arrive too."""
    with Sandbox.start(_options({"QueueType": "fifo"})) as sandbox:
        for number in range(5):
            _queue(sandbox, f"{number}", MessageGroupId="one recipient")
        _publish(sandbox, "event")
        sandbox.wait_until_settled(60)
        sent = [accepted.body["text"] for accepted in sandbox.sociocs.accepted()]
        assert sorted(sent) == ["0", "1", "2", "3", "4", "event"]
        assert [text for text in sent if text != "event"] == ["0", "1", "2", "3", "4"]
        assert sandbox.outputs["MessageQueueUrl"].endswith(".fifo")
        assert sandbox.outputs["MessageDeadLetterQueueUrl"].endswith(".fifo")
        assert not sandbox.outputs["EventDeadLetterQueueUrl"].endswith(".fifo")


def test_events_can_invoke_the_function_directly() -> None:
    """An event that must be tried again is put on the queue."""
    with Sandbox.start(_options({"EventBridgeTarget": "function"})) as sandbox:
        sandbox.sociocs.rule(text_contains="later", nth=1, status=503)
        _publish(sandbox, "at once")
        _publish(sandbox, "later")
        _queue(sandbox, "queued")
        sandbox.wait_until_settled(60)
        assert _texts(sandbox) == ["at once", "later", "queued"]
        assert sandbox.dead_letters() == []


def test_a_stack_uses_the_key_secret_and_buses_that_it_is_given(
    monkeypatch: pytest.MonkeyPatch, sam_deploy: Any, tmp_path: Path
) -> None:
    """The stack makes none of these. Events come from one bus and outcomes go to another."""

    def deploy(endpoint_url: str, template: Path, stack_name: str, parameters: Mapping[str, str]) -> dict[str, str]:
        def client(service: str) -> Any:
            return boto3.client(service, endpoint_url=endpoint_url)  # type: ignore[call-overload]

        for bus in ("orders", "outcomes"):
            client("events").create_event_bus(Name=bus)
        queue = client("sqs").create_queue(QueueName="outcomes")["QueueUrl"]
        client("events").put_rule(
            Name="outcomes", EventBusName="outcomes", EventPattern=json.dumps({"source": ["sociocs.message-sender"]})
        )
        arn = client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        client("events").put_targets(Rule="outcomes", EventBusName="outcomes", Targets=[{"Id": "1", "Arn": arn}])
        secret = client("secretsmanager").create_secret(Name="own", SecretString=OWN_APIKEY)["ARN"]
        key = client("kms").create_key()["KeyMetadata"]["Arn"]
        own = {
            "EventBusName": "orders",
            "EventSources": "com.example.orders,com.example.shop",
            "OutcomeEventBusName": "outcomes",
            "ApiKeySecretArn": secret,
            "KmsKeyArn": key,
            "ProducerAccountIds": "111122223333,444455556666",
        }
        outputs: dict[str, str] = sam_deploy(endpoint_url, template, stack_name, {**parameters, **own})
        assert outputs["ApiKeySecretArn"] == secret
        return outputs

    monkeypatch.setattr("sandbox.sandbox.deploy", deploy)
    with Sandbox.start(SandboxOptions(apikey=OWN_APIKEY, time_scale=TIME_SCALE)) as sandbox:
        _publish(sandbox, "from orders")
        _publish(sandbox, "from elsewhere", source="com.example.elsewhere")
        sandbox.wait_until_settled(60)
        assert _texts(sandbox) == ["from orders"]
        queue = sandbox.client("sqs").get_queue_url(QueueName="outcomes")["QueueUrl"]
        (outcome,) = sandbox.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=10)["Messages"]
        assert json.loads(outcome["Body"])["detail-type"] == "Message Accepted"
        attributes = sandbox.client("sqs").get_queue_attributes(
            QueueUrl=sandbox.outputs["MessageQueueUrl"], AttributeNames=["All"]
        )["Attributes"]
        assert attributes["KmsMasterKeyId"].startswith("arn:aws:kms:")


def test_a_paused_stack_keeps_messages_until_it_is_resumed() -> None:
    """While paused nothing is sent, direct events included. After that everything is sent."""
    with Sandbox.start(_options({"Paused": "true", "EventBridgeTarget": "function"})) as sandbox:
        _queue(sandbox, "queued")
        _publish(sandbox, "event")
        _wait_for_depth(sandbox, 2)
        assert sandbox.sociocs.count == 0
        sandbox.resume()
        sandbox.wait_until_settled(60)
        assert _texts(sandbox) == ["event", "queued"]


def _wait_for_depth(sandbox: Sandbox, depth: int) -> None:
    deadline = time.monotonic() + 30
    while sandbox.depth() != depth:
        assert time.monotonic() < deadline, f"{sandbox.depth()} messages in the queue, not {depth}"
        time.sleep(0.05)
