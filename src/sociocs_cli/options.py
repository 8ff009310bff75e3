"""What every command takes, and how every command speaks."""

import functools
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from sociocs_cli.stack import DEFAULT_NAME, NAME_VARIABLE, Stack

Command = TypeVar("Command", bound=Callable[..., Any])

_WIDE = 200
"""Columns of a table that no person looks at: nothing is to be cut off in a file or a pipe."""


def on_a_stack(command: Command) -> Command:
    """Add the options that say which stack, and `--json`; the command gets `stack` and `as_json`."""

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
    @functools.wraps(command)
    def with_stack(
        *args: Any, stack_name: str, region: str | None, profile: str | None, endpoint_url: str | None, **options: Any
    ) -> Any:
        return command(*args, stack=Stack(stack_name, region, profile, endpoint_url), **options)

    return with_stack  # type: ignore[return-value]  # click's decorators change the parameters


def _address(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    """Refuse what is no address, of the option or of the variable that boto3 reads; an empty one is none."""
    url = value or os.environ.get("AWS_ENDPOINT_URL")
    if url and not _is_address(url):
        hint = "--endpoint-url" if value else "AWS_ENDPOINT_URL"
        raise click.BadParameter(f"{url!r} is not an address: http://HOST:PORT", param_hint=hint)
    return value or None


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        return False


def out() -> Console:
    """Where results go: standard output, in full width when it is a file or a pipe."""
    return Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False)


def note(text: str) -> None:
    """Say something that is not the result."""
    click.echo(text, err=True)


def print_json(value: Any) -> None:
    """Print a result for programs, in ASCII: a body may hold half a character, which no encoding has."""
    click.echo(json.dumps(value, indent=2))


def progress(words: str, total: int | None = None) -> tuple[Progress, Any]:
    """Make a progress bar on standard error, which shows on a terminal only; enter it to start it."""
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
    return bar, bar.add_task(words, total=total)


def timestamp(moment: datetime) -> str:
    """Write a moment in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def age(moment: datetime, now: datetime) -> str:
    """Write how long ago something was, in its two largest units."""
    return duration((now - moment).total_seconds())


def duration(seconds: float) -> str:
    """Write a length of time in its two largest units: `2 d 4 h`."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def count(number: int, thing: str, things: str | None = None) -> str:
    """Write a number and what it counts: `1 message`, `2 messages`."""
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"
