"""The command `sociocs`. When something goes wrong it says so in one line, never in a traceback."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

import click

from message_sender.aws import AWS_ERRORS
from sociocs_cli import output
from sociocs_cli.commands.discard import discard
from sociocs_cli.commands.list import list_
from sociocs_cli.commands.pause import pause, resume
from sociocs_cli.commands.redrive import redrive
from sociocs_cli.commands.send import send
from sociocs_cli.commands.show import show
from sociocs_cli.commands.status import status
from sociocs_cli.errors import in_words
from sociocs_cli.options import OpenStack
from sociocs_cli.signals import sigterm_interrupts
from sociocs_cli.stack import Stack
from sociocs_cli.streams import tolerant_streams

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
      130  interrupted; run it again to go on, nothing is sent twice
    """  # noqa: D301


@click.group("dead-letters", short_help="Look at the messages that could not be sent, and send them back.")
def dead_letters() -> None:
    """Look at the messages that could not be sent, and send them back."""


for _command in (list_, show, redrive, discard):
    dead_letters.add_command(_command)
for _command in (send, dead_letters, status, pause, resume):
    sociocs.add_command(_command)


def main(arguments: list[str] | None = None, open_stack: OpenStack = Stack) -> NoReturn:
    """Run the command line, and exit.

    Args:
        arguments: those of the command line by default.
        open_stack: makes the stack that the options name.
    """
    with sigterm_interrupts(), tolerant_streams() as (out, _):
        code = _run(arguments, open_stack)
        out.flush()
        if out.failure and not isinstance(out.failure, BrokenPipeError):  # `| head` has seen enough
            output.note(f"The result could not be written ({out.failure}). The exit code says how the work went.")
    sys.exit(code)


def _run(arguments: list[str] | None, open_stack: OpenStack) -> int:
    """Run the command line; return the exit code."""
    try:
        sociocs.main(arguments, prog_name="sociocs", standalone_mode=False, obj=open_stack)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        output.note("Interrupted. Nothing is lost: run it again to go on.")
        return INTERRUPTED
    except AWS_ERRORS as error:
        output.note(f"Error: {in_words(error)}")
        return FAILED
    return 0


if __name__ == "__main__":
    main()
