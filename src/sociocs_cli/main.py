"""The command `sociocs`, and what it says when something goes wrong: one line, never a traceback."""

import signal
import sys
from importlib.metadata import PackageNotFoundError, version
from types import FrameType
from typing import NoReturn

import click

from sociocs_cli.commands.dead_letters import dead_letters
from sociocs_cli.commands.discard import discard
from sociocs_cli.commands.pause import pause, resume
from sociocs_cli.commands.send import send
from sociocs_cli.commands.status import status
from sociocs_cli.errors import AWS_ERRORS, in_words

FAILED = 1
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


def _version() -> str:
    try:
        return version("sociocs-message-sender")
    except PackageNotFoundError:
        return "unknown"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(_version(), prog_name="sociocs")
def sociocs() -> None:  # a backspace alone on its line tells click to keep the lines that follow
    """Put messages on the queue of a Sociocs message sender, see how it goes, and send dead letters back.

    \b
    Exit codes:
      0    done
      1    something failed, was refused or not found
      2    the command line is wrong
      130  interrupted; running it again goes on, and sends nothing twice
    """  # noqa: D301


dead_letters.add_command(discard)
sociocs.add_command(send)
sociocs.add_command(dead_letters)
sociocs.add_command(status)
sociocs.add_command(pause)
sociocs.add_command(resume)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line, and exit."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        sociocs.main(arguments, prog_name="sociocs", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        sys.exit(exit_.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted. Nothing is lost: run it again to go on.", err=True)
        sys.exit(INTERRUPTED)
    except AWS_ERRORS as error:
        click.echo(f"Error: {in_words(error)}", err=True)
        sys.exit(FAILED)
    except BrokenPipeError:  # `| head` has seen enough
        sys.stderr.close()
        sys.exit(FAILED)
    sys.exit(0)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
