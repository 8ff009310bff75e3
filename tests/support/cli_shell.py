"""Runs the command `sociocs` on a world's queues, and writes dead letters of every kind to them."""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from botocore.config import Config

from sociocs_cli.main import main
from sociocs_cli.options import OpenStack
from sociocs_cli.stack import Stack
from tests.support.aws_clients import until_next_second
from tests.support.builders import eventbridge_event, message
from tests.support.stacks import AT_ONCE
from tests.support.world import World

_ONE_TRY = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})


@dataclass(frozen=True)
class Result:
    """The exit code and the output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The value that the command printed with `--json`."""
        return json.loads(self.out)


class Terminal(io.StringIO):
    """An output that a person looks at."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def run(*arguments: str, open_stack: OpenStack = Stack, terminal: bool = False) -> Result:
    """Run `sociocs` in this process."""
    # pytest's capture is not used, because the function's logger would keep its stream after the test.
    out, err = Terminal() if terminal else io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as exit_:
        main(list(arguments), open_stack)
    assert "Traceback" not in err.getvalue()
    return Result(int(exit_.value.code or 0), out.getvalue(), err.getvalue())


@dataclass
class Shell:
    """Runs `sociocs` on a world in this process."""

    world: World
    sqs: Any = None
    """An SQS client for the command, when a test changes one."""

    def __call__(self, *arguments: str, terminal: bool = False) -> Result:
        """Run a command on the world's stack."""
        return self.bare(*arguments, "--stack", self.world.name, terminal=terminal)

    def bare(self, *arguments: str, terminal: bool = False) -> Result:
        """Run a command without adding `--stack`."""
        if "redrive" in arguments:
            until_next_second()
        return run(*arguments, open_stack=self.open_stack, terminal=terminal)

    def with_sqs(self, sqs: Any) -> "Shell":
        """The same, with an SQS client of the test."""
        return replace(self, sqs=sqs)

    def open_stack(
        self, name: str, region: str | None = None, profile: str | None = None, endpoint_url: str | None = None
    ) -> Stack:
        """Make a stack. The local endpoint has one server, so that no long poll is needed."""
        found = Stack(name, region, profile, endpoint_url, config=_ONE_TRY, waits=AT_ONCE)
        if self.sqs:
            found.sqs = self.sqs
        return found

    @property
    def stack(self) -> Stack:
        """The world's stack, for calls that a test makes without the command."""
        return self.open_stack(self.world.name)


@dataclass
class Letters:
    """Writes dead letters of every kind."""

    world: World
    number: int = 0
    texts: list[str] = field(default_factory=list)

    def new(self, **changes: Any) -> dict[str, Any]:
        """Return a message that differs from all others."""
        self.number += 1
        self.texts.append(f"letter {self.number}")
        return message(text=self.texts[-1], **changes)

    def put(self, body: Any, attributes: dict[str, str] | None = None, **options: Any) -> str:
        """Put a body and string attributes on the dead-letter queue, and return the letter's id."""
        text = body if isinstance(body, str) else json.dumps(body)
        values = {name: {"DataType": "String", "StringValue": value} for name, value in (attributes or {}).items()}
        url = self.world.environment["DEAD_LETTER_QUEUE_URL"]
        if "MessageGroupId" not in options:  # EventBridge and Lambda cannot write to a FIFO queue
            url = self.world.environment.get("EVENT_DEAD_LETTER_QUEUE_URL", url)
        sent = self.world.client("sqs").send_message(
            QueueUrl=url, MessageBody=text, MessageAttributes=values, **options
        )
        return str(sent["MessageId"])

    def ours(self, code: str = "API_REJECTED", key: str | None = None, **attributes: str) -> str:
        """Write a dead letter as the function does."""
        body = self.new()
        why = {"ERROR_CODE": code, "ERROR_MESSAGE": f"why {code}", "RETRY_ATTEMPTS": "3"}
        why |= {"FIRST_SEEN": "2026-11-20T10:00:00.000Z", "IDEMPOTENCY_KEY": key or f"key-{self.number}"}
        return self.put(body, {**why, **attributes})

    def moved_by_sqs(self, body: Any = None, **options: Any) -> str:
        """Write a dead letter as SQS does after too many receives."""
        sqs, url = self.world.client("sqs"), self.world.environment["MESSAGE_QUEUE_URL"]
        policy = json.loads(
            sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])["Attributes"]["RedrivePolicy"]
        )
        sqs.set_queue_attributes(
            QueueUrl=url, Attributes={"RedrivePolicy": json.dumps({**policy, "maxReceiveCount": 1})}
        )
        sent = self.world.send(self.new() if body is None else body, **options)
        for _ in range(2):
            sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})
        return sent

    def of_eventbridge(self) -> str:
        """Write a dead letter as EventBridge does."""
        why = {
            "RULE_ARN": "arn:rule",
            "TARGET_ARN": "arn:target",
            "ERROR_CODE": "NO_PERMISSIONS",
            "RETRY_ATTEMPTS": "0",
        }
        return self.put(eventbridge_event(self.new()), why)

    def of_lambda(self, events: int = 1) -> str:
        """Write Lambda's on-failure record of one event or of an array of events."""
        payload = [eventbridge_event(self.new()) for _ in range(events)]
        return self.put(
            {
                "version": "1.0",
                "timestamp": "2026-11-23T10:00:00.000Z",
                "requestContext": {"requestId": "r", "functionArn": "arn", "condition": "RetriesExhausted"},
                "requestPayload": payload[0] if events == 1 else payload,
                "responseContext": {"statusCode": 200, "functionError": "Unhandled"},
                "responsePayload": {"errorType": "StrandedError"},
            }
        )


def deploy(world: World) -> None:
    """Make a stack with the world's name, whose outputs name its queues. With FIFO it also has a queue for events."""
    if world.fifo:
        made = world.client("sqs").create_queue(QueueName=f"{world.name}-events")
        world.environment["EVENT_DEAD_LETTER_QUEUE_URL"] = made["QueueUrl"]
    world.client("cloudformation").create_stack(StackName=world.name, TemplateBody=json.dumps(_template(world)))


def _template(world: World) -> dict[str, Any]:
    queue, dead = world.environment["MESSAGE_QUEUE_URL"], world.environment["DEAD_LETTER_QUEUE_URL"]
    values = {
        "MessageQueueUrl": queue,
        "MessageDeadLetterQueueUrl": dead,
        "EventSourceMappingId": "00000000-0000-4000-8000-000000000000",
    }
    if "EVENT_DEAD_LETTER_QUEUE_URL" in world.environment:
        values["EventDeadLetterQueueUrl"] = world.environment["EVENT_DEAD_LETTER_QUEUE_URL"]
    for name, url in (("MessageQueueArn", queue), ("MessageDeadLetterQueueArn", dead)):
        found = world.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        values[name] = found["Attributes"]["QueueArn"]
    return {
        "Resources": {"Unrelated": {"Type": "AWS::SQS::Queue"}},
        "Outputs": {name: {"Value": value} for name, value in values.items()},
    }
