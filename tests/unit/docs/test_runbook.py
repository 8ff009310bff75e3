"""docs/operations.md names every code, alarm and command that exists, and no other."""

import re
import shlex
from pathlib import Path

import click
import pytest

from message_sender.outcome import ErrorCode
from sociocs_cli.letters import OWN_CODES
from sociocs_cli.main import sociocs
from tests.support import ROOT
from tests.support.pages import anchors

RUNBOOK = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
TEMPLATE = (ROOT / "template.yaml").read_text(encoding="utf-8")
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
HEADINGS = set(re.findall(r"^#+ (.+)$", RUNBOOK, re.MULTILINE))
_COMMAND = re.compile(r"(?:^\s*(?:\$ )?|`)(sociocs (?!-)[a-z][^`\n#│]*)", re.MULTILINE)


def commands(page: Path) -> list[str]:
    """Return every `sociocs …` that a page shows as code."""
    return [found.strip() for found in _COMMAND.findall(page.read_text(encoding="utf-8"))]


def test_every_code_has_its_row() -> None:
    """Every code has a row, and every row has a code."""
    rows = set(re.findall(r"^\| `([A-Z_]+)` \|", RUNBOOK, re.MULTILINE))

    assert rows == {code.value for code in ErrorCode} | set(OWN_CODES)


def test_every_heading_that_the_template_names_is_there() -> None:
    """The headings that alarms and parameters name are on this page."""
    text = re.sub(r"\s+", " ", TEMPLATE)
    named = re.findall(r'docs/operations\.md, "([^"]+)"', text)
    linked = set(re.findall(r"\$\{RunbookUrl\}#([a-z-]+)", TEMPLATE))

    assert named
    assert set(named) <= HEADINGS
    assert linked == {anchor for anchor in anchors(ROOT / "docs" / "operations.md") if anchor.startswith("alarm-")}


def test_every_alarm_is_in_the_list() -> None:
    """The table at the top has each alarm of the template."""
    alarms = re.findall(
        r"^  (\w+):\n(?:    #.*\n)*    Type: AWS::CloudWatch::(?:Composite)?Alarm", TEMPLATE, re.MULTILINE
    )

    assert len(alarms) >= 8
    assert [alarm for alarm in alarms if f"`{alarm}`" not in RUNBOOK] == []


def test_every_heading_that_the_command_names_is_there() -> None:
    """The headings that error messages name are on this page."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "src" / "sociocs_cli").rglob("*.py")]
    named = [heading for source in sources for heading in re.findall(r'docs/operations\.md, "([^"]+)"', source)]

    assert named
    assert set(named) <= HEADINGS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_quoted_command_exists(page: Path) -> None:
    """Each command and option on the pages is one that `sociocs` has."""
    for line in commands(page):
        words = shlex.split(line)[1:]
        command: click.Command = sociocs
        while isinstance(command, click.Group) and words:
            name = words.pop(0)
            assert name in command.commands, line
            command = command.commands[name]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known | {"--help"}, line


def test_the_runbook_quotes_every_command() -> None:
    """The runbook shows each command of `sociocs`."""
    quoted = " ".join(commands(ROOT / "docs" / "operations.md"))

    dead_letters = sociocs.commands["dead-letters"]
    assert isinstance(dead_letters, click.Group)
    for name in (*(name for name in sociocs.commands if name != "dead-letters"), *dead_letters.commands):
        assert re.search(rf"sociocs (dead-letters )?{name}\b", quoted), name
