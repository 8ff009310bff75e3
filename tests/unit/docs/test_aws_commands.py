"""Every `aws` command on the pages exists in version 1 of the AWS CLI, which has fewer commands than version 2."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from awscli.clidriver import create_clidriver

from tests.support import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
COMMAND = re.compile(r"(?:^ *|`|; )(aws [a-z][^`]*?)(?=`|(?<!\\)\n|\Z)", re.MULTILINE)


def commands() -> list[Any]:
    """Return every `aws …` on the pages as a parameter, with lines that end in a backslash joined."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        text = re.sub(r"'\[\{.*?\}\]'|'\{.*?\}'", "JSON", text, flags=re.DOTALL)  # a message may have line ends
        found += [pytest.param(command, id=f"{page.name} {command[:50]}") for command in COMMAND.findall(text)]
    return found


@cache
def aws() -> Any:
    """Return the help of `aws`, which has its services and its options."""
    return create_clidriver().create_help_command()


@cache
def operations(service: str) -> Any:
    """Return the operations of a service, by name."""
    return aws().command_table[service].create_help_command().command_table


@pytest.mark.parametrize("command", commands())
def test_the_command_and_its_options_exist_in_version_1(command: str) -> None:
    """Each service, operation and option is one that version 1 knows."""
    words = shlex.split(command.replace("\\\n", " ").rstrip(")"), comments=True)
    service, operation, *rest = words[1:]
    options = {word.removeprefix("--").partition("=")[0] for word in rest if word.startswith("--")}
    known = set(operations(service)[operation].arg_table) | set(aws().arg_table)

    assert options <= known, options - known


def test_the_runbook_has_such_commands() -> None:
    """The pattern finds the commands of the runbook and of the README."""
    found = [Path(str(parameter.id).split()[0]).name for parameter in commands()]

    assert found.count("operations.md") >= 8
    assert found.count("README.md") >= 3
