"""`python -m sandbox demo` (make demo), `up` (make sandbox) and `soak` (make soak)."""

from __future__ import annotations

import json
import os
import secrets
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click

from sandbox.aws.deploy import DeploymentFailed
from sandbox.demo.program import main as run_demo
from sandbox.sandbox import Sandbox, SandboxOptions
from sandbox.soak.program import MOST_MESSAGES
from sandbox.soak.program import main as run_soak
from sandbox.steps import showing_steps

_PORT = click.IntRange(0, 65535)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The message sender on this machine: no AWS account, no Docker, nothing but loopback."""
    _forget_the_developers_aws()
    # These signals end the sandbox in order, as Ctrl-C does. SIGHUP comes when the terminal closes; Windows has none.
    for name in ("SIGTERM", "SIGHUP"):
        if number := getattr(signal, name, None):
            signal.signal(number, lambda received, _: sys.exit(128 + received))


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def demo(*, as_json: bool) -> None:
    """Send every sample in events/ and show the fate of each.

    Exits with 1 when a message was lost, sent twice, or did not settle.
    """
    with _explaining_failures():
        sys.exit(run_demo(as_json=as_json))


@main.command()
@click.option(
    "--functions", type=click.IntRange(min=1), default=1, show_default=True, help="Number of execution environments."
)
@click.option("--parameter", "-p", "parameters", multiple=True, metavar="NAME=VALUE", help="Of the template.")
@click.option(
    "--time-scale",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="Divides the waits before a retry.",
)
@click.option("--aws-port", type=_PORT, default=0, help="Port of the AWS endpoint (default: a free one).")
@click.option("--sociocs-port", type=_PORT, default=0, help="Port of the Sociocs simulator (default: a free one).")
def up(functions: int, parameters: tuple[str, ...], time_scale: float, aws_port: int, sociocs_port: int) -> None:
    """Start the stand-in and keep it running until Ctrl-C."""
    options = SandboxOptions(
        parameters=dict(_parameter(text) for text in parameters),
        functions=functions,
        time_scale=time_scale,
        aws_port=aws_port,
        sociocs_port=sociocs_port,
    )
    with ExitStack() as stack:
        with _explaining_failures(), showing_steps() as steps:
            sandbox = stack.enter_context(Sandbox.start(options, steps))
        with suppress(KeyboardInterrupt):
            click.echo(instructions(sandbox))
            threading.Event().wait()
        click.echo("\nStopping")


@main.command()
@click.option("--minutes", type=click.FloatRange(0.1, 120), default=10.0, show_default=True, help="Of trouble.")
@click.option("--rate", type=click.FloatRange(0.1, 20), default=10.0, show_default=True, help="Messages a second.")
@click.option("--seed", type=int, help="Of what is sent and of which fault comes when (default: another each time).")
@click.option("--parameter", "-p", "parameters", multiple=True, metavar="NAME=VALUE", help="Of the template.")
@click.option(
    "--log-directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Keep the function's log there (default: it goes when the soak ends).",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def soak(
    minutes: float,
    rate: float,
    seed: int | None,
    parameters: tuple[str, ...],
    log_directory: Path | None,
    *,
    as_json: bool,
) -> None:
    """Send messages through one fault after another, and account for each.

    Exits with 1 when a message was lost, sent twice, or reported wrongly.
    """
    if minutes * 60 * rate > MOST_MESSAGES:
        raise click.UsageError(f"more than {MOST_MESSAGES} messages: give fewer --minutes or a lower --rate")
    with _explaining_failures():
        sys.exit(
            run_soak(
                minutes=minutes,
                rate=rate,
                seed=secrets.randbelow(2**31) if seed is None else seed,
                parameters=dict(_parameter(text) for text in parameters),
                log_directory=log_directory,
                as_json=as_json,
            )
        )


def _forget_the_developers_aws() -> None:
    """Remove the profiles, credentials, endpoints and proxies of this machine from the environment."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"


@contextmanager
def _explaining_failures() -> Iterator[None]:
    """Print why a sandbox cannot start, without a traceback."""
    try:
        yield
    except (DeploymentFailed, RuntimeError, TimeoutError) as error:
        raise click.ClickException(str(error)) from error


def instructions(sandbox: Sandbox) -> str:
    """Return the text to copy into another terminal.

    SQS gets its endpoint by a switch as well, because version 1 of the AWS CLI ignores the environment's for SQS.
    """
    aws = shlex.quote(_command("aws"))
    queue = sandbox.outputs["MessageQueueUrl"]
    variables = {**sandbox.environment, "MESSAGE_QUEUE_URL": queue}
    exports = "\n".join(f"  export {name}={shlex.quote(value)}" for name, value in variables.items())
    body = shlex.quote(json.dumps(_message("sandbox-through-sqs", "Hello through SQS")))
    group = " --message-group-id any" if queue.endswith(".fifo") else ""
    event = {
        "Source": "orders",
        "DetailType": "Send Message",
        "Detail": json.dumps(_message("sandbox-through-eventbridge", "Hello through EventBridge")),
        "EventBusName": sandbox.outputs["EventBusName"],
    }
    return f"""\
AWS endpoint     {sandbox.endpoint_url}
Sociocs inbox    {sandbox.sociocs.base_url}/
Function's log   {sandbox.runtime.log_directory}

In another terminal, first:

{exports}

Send a message through SQS:

  {aws} sqs send-message --endpoint-url {sandbox.endpoint_url} --queue-url {queue}{group} --message-body {body}

Or through EventBridge:

  {aws} events put-events --entries {shlex.quote(json.dumps([event]))}

The same idempotency_key is sent once: give another to see another message.

See the stack, and the dead letters:

  {aws} cloudformation describe-stacks --stack-name {sandbox.stack_name}
  {shlex.quote(_command("sociocs"))} dead-letters list --stack {sandbox.stack_name}

Ctrl-C stops it all.
"""


def _command(name: str) -> str:
    """Return the absolute path of a command of this environment."""
    return str(Path(sys.executable).with_name(name))


def _message(key: str, text: str) -> dict[str, object]:
    """Return a message. Its key is none of those in events/ and the README, whose messages would be duplicates."""
    return {
        "provider": "twlo",
        "channel_key": "any",
        "to": "+16175551212",
        "text": text,
        "metadata": {"idempotency_key": key},
    }


def _parameter(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator:
        raise click.BadParameter(f"{text} is not NAME=VALUE", param_hint="--parameter")
    return name, value


if __name__ == "__main__":
    main(prog_name="python -m sandbox")
