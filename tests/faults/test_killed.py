"""The function is killed between its request and the answer, and what a person can then do about the message."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.lambda_service.sqs_event import sqs_event
from sandbox.sandbox import Sandbox, SandboxOptions
from tests.support.builders import message
from tests.support.clock import AheadClock
from tests.support.mapping import Mapping
from tests.support.world import World

KEYED = {"idempotency_key": "order-1001-shipped"}
Start = Callable[..., "subprocess.Popen[str]"]


def killed_in_mid_send(world: World, start_invocation: Start) -> str:
    """Put a message on the queue, and kill the process that sends it before the answer comes."""
    sent = world.send(message(metadata=KEYED))
    event = sqs_event(_one(world, "MESSAGE_QUEUE_URL"), "arn:aws:sqs:us-east-1:123456789012:messages")
    process = start_invocation(world)
    rule = world.sociocs.hold()
    assert process.stdin
    process.stdin.write(json.dumps(event))
    process.stdin.close()
    world.sociocs.wait_for_waiting()
    process.kill()
    assert process.wait() == -signal.SIGKILL
    world.sociocs.release(rule)
    assert world.sociocs.count == 1
    return sent


def _one(world: World, queue: str) -> list[Any]:
    """Receive one message and leave it visible."""
    received = world.client("sqs").receive_message(
        QueueUrl=world.environment[queue],
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
        VisibilityTimeout=0,
    )
    messages: list[Any] = received.get("Messages", [])
    return messages


def later() -> AheadClock:
    """A clock by which the killed invocation's deadline is past."""
    return AheadClock(300)


def test_until_its_deadline_the_killed_attempt_counts_as_under_way(world: World, start_invocation: Start) -> None:
    """While the killed attempt's deadline is ahead, the message waits."""
    sent = killed_in_mid_send(world, start_invocation)
    mapping = Mapping(world)

    assert mapping.turn() == [sent]
    assert 0 < (mapping.wait_of(sent) or 0) <= 69
    assert world.sociocs.count == 1


def test_with_dead_letter_a_killed_send_is_never_repeated(world: World, start_invocation: Start) -> None:
    """The simulator saw one request; the message is in the dead-letter queue, and says what is unknown."""
    killed_in_mid_send(world, start_invocation)
    mapping = Mapping(world, clock=later())

    assert mapping.turn() == []
    assert mapping.depth() == 0
    assert world.sociocs.count == 1
    (letter,) = world.receive(dead=True)
    attributes = letter["MessageAttributes"]
    assert attributes["ERROR_CODE"]["StringValue"] == "OUTCOME_UNKNOWN"
    assert attributes["IDEMPOTENCY_KEY"]["StringValue"] == KEYED["idempotency_key"]
    assert attributes["UNKNOWN_ATTEMPT"]["StringValue"]
    attempted = datetime.fromisoformat(attributes["ATTEMPTED_AT"]["StringValue"])
    assert abs((datetime.now(UTC) - attempted).total_seconds()) < 60, "when it was tried, not when it was found dead"
    assert json.loads(letter["Body"]) == message(metadata=KEYED)


def test_with_retry_a_killed_send_is_repeated(world: World, start_invocation: Start) -> None:
    """The simulator saw two requests, and the message is acknowledged."""
    killed_in_mid_send(world, start_invocation)
    mapping = Mapping(world, {"unknown_outcome": "retry"}, clock=later())

    assert mapping.turn() == []
    assert mapping.depth() == 0
    assert world.sociocs.count == 2
    assert world.receive(dead=True) == []


def _moved(world: World) -> dict[str, Any]:
    """As StartMessageMoveTask does it: with all attributes, as a new message."""
    letter = _one(world, "DEAD_LETTER_QUEUE_URL")[0]
    sqs = world.client("sqs")
    arns = [
        sqs.get_queue_attributes(QueueUrl=world.environment[queue], AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        for queue in ("DEAD_LETTER_QUEUE_URL", "MESSAGE_QUEUE_URL")
    ]
    sqs.start_message_move_task(SourceArn=arns[0], DestinationArn=arns[1])
    deadline = time.monotonic() + 10
    while not _one(world, "MESSAGE_QUEUE_URL"):
        assert time.monotonic() < deadline, "the dead letter was not moved"
        time.sleep(0.01)
    return {"MessageBody": letter["Body"], "MessageAttributes": letter["MessageAttributes"]}


def _resent(world: World) -> dict[str, Any]:
    """As the command line does it: what says why it was dead is gone."""
    (letter,) = world.receive(dead=True)
    return _resend(world, letter)


def _resend(world: World, letter: dict[str, Any]) -> dict[str, Any]:
    attributes = letter["MessageAttributes"]
    kept = {"IDEMPOTENCY_KEY": attributes["IDEMPOTENCY_KEY"], "RESEND_ATTEMPT": attributes["UNKNOWN_ATTEMPT"]}
    copy = {"MessageBody": letter["Body"], "MessageAttributes": kept}
    world.client("sqs").send_message(QueueUrl=world.environment["MESSAGE_QUEUE_URL"], **copy)
    return copy


def test_its_dead_letter_redriven_is_sent_exactly_once_more(world: World, start_invocation: Start) -> None:
    """A person's decision holds for one send, also when it comes twice and beside a producer's own duplicate."""
    killed_in_mid_send(world, start_invocation)
    mapping = Mapping(world, clock=later())
    mapping.turn()
    queue, sqs = world.environment["MESSAGE_QUEUE_URL"], world.client("sqs")

    copy = _resent(world)
    sqs.send_message(QueueUrl=queue, **copy)  # SQS delivers at least once
    world.send(message(metadata=KEYED))  # and the producer tries again
    stay = mapping.turn()

    assert world.sociocs.count == 2
    assert len(stay) <= 2  # they met the one that was sending
    mapping.end_waits()
    assert mapping.turn() == []
    sqs.send_message(QueueUrl=queue, **copy)
    world.send(message(metadata=KEYED))
    assert mapping.turn() == []
    assert world.sociocs.count == 2
    assert mapping.depth() == 0


def test_its_dead_letter_moved_by_sqs_comes_back(world: World, start_invocation: Start) -> None:
    """`start-message-move-task` and the console ask nobody: what they bring is not sent, and says what it said."""
    killed_in_mid_send(world, start_invocation)
    mapping = Mapping(world, clock=later())
    mapping.turn()

    moved = _moved(world)
    assert mapping.turn() == []

    assert world.sociocs.count == 1
    (letter,) = world.receive(dead=True)
    for name in ("ERROR_CODE", "IDEMPOTENCY_KEY", "UNKNOWN_ATTEMPT", "ATTEMPTED_AT", "FIRST_SEEN"):
        assert letter["MessageAttributes"][name] == moved["MessageAttributes"][name], name


def test_a_producers_duplicate_of_an_unknown_one_is_not_sent(world: World, start_invocation: Start) -> None:
    """It is dead-lettered too: nobody knows about it either. Redriven, the two together are sent once more."""
    killed_in_mid_send(world, start_invocation)
    mapping = Mapping(world, clock=later())
    mapping.turn()
    world.send(message(metadata=KEYED))

    assert mapping.turn() == []
    assert world.sociocs.count == 1
    letters = world.receive(dead=True)
    assert [letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] for letter in letters] == ["OUTCOME_UNKNOWN"] * 2
    for letter in letters:
        _resend(world, letter)
    mapping.turn()
    mapping.end_waits()
    assert mapping.turn() == []
    assert world.sociocs.count == 2


@pytest.mark.parametrize(("policy", "requests"), [("dead-letter", 1), ("retry", 2)])
def test_kill_9_of_the_runtime_process(policy: str, requests: int) -> None:
    """The real runtime client, fed by the mapping: killed in mid-send, and the message is accounted for."""
    options = SandboxOptions(
        parameters={"UnknownOutcome": policy},
        environment_overrides={"CONNECT_TIMEOUT_SECONDS": "0.5", "READ_TIMEOUT_SECONDS": "2"},
        timeout_seconds=16,  # the attempt's deadline, which the next one waits for
        visibility_timeout_seconds=1,
        time_scale=300,
    )
    with Sandbox.start(options) as sandbox:
        rule = sandbox.sociocs.hold()
        queue = sandbox.outputs["MessageQueueUrl"]
        sandbox.client("sqs").send_message(QueueUrl=queue, MessageBody=json.dumps(message()))
        sandbox.sociocs.wait_for_waiting()
        (process_id,) = sandbox.runtime.process_ids
        os.kill(process_id, signal.SIGKILL)
        sandbox.sociocs.release(rule)

        sandbox.wait_until_settled(timeout=60)

        assert sandbox.sociocs.count == requests
        codes = [letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] for letter in sandbox.dead_letters()]
        assert codes == (["OUTCOME_UNKNOWN"] if policy == "dead-letter" else [])
        assert any("signal: SIGKILL" in line for line in sandbox.runtime.log_lines())
