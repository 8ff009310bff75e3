"""The options that every command has: which stack, and `--json`."""

import functools
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

import click

from sociocs_cli.output import note
from sociocs_cli.stack import DEFAULT_NAME, NAME_VARIABLE, Stack

OpenStack = Callable[[str, str | None, str | None, str | None], Stack]
"""Makes a stack of its name, region, profile and endpoint URL. `main` gives it to the commands as click's `obj`."""

_CLOCKS_DIFFER_BY = timedelta(minutes=5)
"""AWS accepts no request of a clock that differs by more."""

Command = TypeVar("Command", bound=Callable[..., Any])  # Any: click's decorators change the parameters


def on_a_stack(command: Command) -> Command:
    """Add the options that say which stack, and `--json`. The command gets `stack` and `as_json`."""

    @click.option(
        "--stack",
        "stack_name",
        metavar="NAME",
        envvar=NAME_VARIABLE,
        default=DEFAULT_NAME,
        show_default=True,
        show_envvar=True,
        help="CloudFormation stack to work on.",
    )
    @click.option("--region", metavar="REGION", help="AWS region.  [env var: AWS_REGION, AWS_DEFAULT_REGION]")
    @click.option("--profile", metavar="PROFILE", help="Profile of the AWS configuration.  [env var: AWS_PROFILE]")
    @click.option(
        "--endpoint-url",
        metavar="URL",
        callback=_address,
        help="AWS endpoint, of the sandbox.  [env var: AWS_ENDPOINT_URL]",
    )
    @click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
    @click.pass_context
    @functools.wraps(command)
    def with_stack(
        context: click.Context,
        /,
        *args: object,
        stack_name: str,
        region: str | None,
        profile: str | None,
        endpoint_url: str | None,
        **options: object,
    ) -> object:
        open_stack = cast(OpenStack, context.obj or Stack)
        return command(*args, stack=open_stack(stack_name, region, profile, endpoint_url), **options)

    return cast(Command, with_stack)


def moment_of(_context: click.Context, _option: click.Parameter, value: str | None) -> datetime | None:
    """Read a moment in the past. It needs an offset: times of different zones must not be mixed up here."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a time such as 2026-11-24T10:00:00Z") from None
    if moment.tzinfo is None:
        raise click.BadParameter(f"{value!r} has no offset: add Z for UTC")
    if moment > datetime.now(UTC) + _CLOCKS_DIFFER_BY:
        raise click.BadParameter(f"{value!r} is in the future: nobody has seen letters that come until then")
    return moment


def say_stack(stack: Stack) -> None:
    """Say which stack a command is about to act on."""
    note(f"Stack {stack.place}.")


def codes_of(given: tuple[str, ...]) -> frozenset[str]:
    """Read the values of a repeated option `--code`, in any case."""
    return frozenset(code.strip().upper() for code in given)


def _address(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Refuse a value of the option, or of the variable that boto3 reads, that is no address. An empty one is none."""
    url = value or os.environ.get("AWS_ENDPOINT_URL")
    if url and not _is_address(url):
        hint = "--endpoint-url" if value else "AWS_ENDPOINT_URL"
        raise click.BadParameter(f"{url!r} is not an address: http://HOST:PORT", param_hint=hint)
    return value or None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the port or the IPv6 address is malformed
        return False
