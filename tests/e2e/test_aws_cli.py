"""The aws CLI as a producer: what it puts on the queue or the bus appears in the simulator."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import shlex
import subprocess
import sys
import termios
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.__main__ import instructions
from sandbox.sandbox import APIKEY, Sandbox, SandboxOptions
from tests.support.aws_clients import wait_for

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The stack with its defaults, its secret still empty."""
    with Sandbox.start(SandboxOptions(apikey=None, time_scale=60)) as running:
        yield running


def aws(sandbox: Sandbox, *arguments: str, text: str | None = None, endpoint: bool = False) -> Any:
    """Run the CLI in the sandbox's environment; what it printed, as JSON."""
    environment = {**os.environ, **sandbox.environment}
    if endpoint:  # the switch instead of the variable
        del environment["AWS_ENDPOINT_URL"]
        arguments = ("--endpoint-url", sandbox.endpoint_url, *arguments)
    command = [sys.executable, str(AWS), *arguments]
    done = subprocess.run(command, env=environment, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


def type_into(sandbox: Sandbox, command: str, text: str) -> str:
    """Run a command in a shell on a terminal, type a text and Control-D, and return all that the terminal shows."""
    path = f"{AWS.parent}{os.pathsep}{os.environ['PATH']}"
    terminal, inner = pty.openpty()
    shell = subprocess.Popen(
        ["sh", "-c", command],
        env={**os.environ, **sandbox.environment, "PATH": path},
        stdin=inner,
        stdout=inner,
        stderr=inner,
        start_new_session=True,
    )
    wait_for(lambda: not termios.tcgetattr(inner)[3] & termios.ECHO, "the terminal stops showing what is typed")
    os.write(terminal, f"{text}\x04".encode())
    assert shell.wait(60) == 0
    assert termios.tcgetattr(inner)[3] & termios.ECHO, "the terminal shows again what is typed"
    os.close(inner)
    shown = b""
    with contextlib.suppress(OSError):  # Linux ends a terminal without writers with an error
        while part := os.read(terminal, 65536):
            shown += part
    os.close(terminal)
    return shown.decode()


def message(text: str) -> dict[str, str]:
    """A valid message."""
    return {"provider": "twlo", "channel_key": "ck", "to": "+16175551212", "text": text}


def test_messages_of_the_cli_are_accepted(sandbox: Sandbox) -> None:
    """The apikey's command, `sqs send-message` and `events put-events` do what the README says."""
    shown = type_into(sandbox, sandbox.outputs["ApiKeyCommand"], f"{APIKEY}\n")
    assert APIKEY not in shown, "the terminal does not show the key"

    queued, published = message("by the CLI 🚚"), message("by the CLI's event")
    url = sandbox.outputs["MessageQueueUrl"]
    body = json.dumps(queued, ensure_ascii=False)
    aws(sandbox, "sqs", "send-message", "--queue-url", url, "--message-body", body, endpoint=True)
    entry = {
        "Source": "orders",
        "DetailType": "Send Message",
        "Detail": json.dumps(published),
        "EventBusName": sandbox.outputs["EventBusName"],
    }
    aws(sandbox, "events", "put-events", "--entries", json.dumps([entry]))

    sandbox.wait_until_settled(60)
    bodies = [accepted.body for accepted in sandbox.sociocs.accepted()]
    assert bodies.count(queued) == bodies.count(published) == 1
    assert sandbox.dead_letters() == []


def test_the_commands_that_the_sandbox_prints_work_as_printed(sandbox: Sandbox, tmp_path: Path) -> None:
    """Each command works in a terminal in any folder, and both messages arrive."""
    sandbox.client("secretsmanager").put_secret_value(SecretId=sandbox.outputs["ApiKeySecretArn"], SecretString=APIKEY)
    before = sandbox.sociocs.accepted_count
    printed = [line.strip() for line in instructions(sandbox).splitlines()]
    variables = dict(shlex.split(line)[1].split("=", 1) for line in printed if line.startswith("export "))
    assert variables == {**sandbox.environment, "MESSAGE_QUEUE_URL": sandbox.outputs["MessageQueueUrl"]}
    commands = [line for line in printed if " --queue-url " in line or " put-events " in line or " --stack" in line]
    assert len(commands) == 4
    for command in commands:
        done = subprocess.run(
            shlex.split(command),
            env={**os.environ, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    sandbox.wait_until_settled(60)
    accepted = [message.body["text"] for message in sandbox.sociocs.accepted()[before:]]
    assert sorted(accepted) == ["Hello through EventBridge", "Hello through SQS"]


def test_the_commands_that_the_sandbox_prints_fit_a_fifo_queue(sandbox: Sandbox) -> None:
    """SQS takes no message without a group then."""
    outputs = {**sandbox.outputs, "MessageQueueUrl": f"{sandbox.outputs['MessageQueueUrl']}.fifo"}
    fifo = replace(sandbox, outputs=outputs)
    assert " --message-group-id " not in instructions(sandbox)
    assert " --message-group-id " in instructions(fifo)
