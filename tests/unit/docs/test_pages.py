"""All pages for people: every path and link on them leads to something that exists."""

import re
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.pages import anchors

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
CONTRIBUTING = ROOT / "CONTRIBUTING.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    """A link to a file or a heading that was renamed fails here."""
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        path, _, heading = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not heading or heading in anchors(target), link


def paths_named_in(text: str) -> list[str]:
    """The paths in backquotes: words with a slash or an ending, or the name of a folder of the repository."""
    named = re.findall(r"`([\w./-]+)`", text)
    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    endings = (".py", ".md", ".toml", ".yaml", ".lock", ".txt", ".json")
    return [name for name in named if "NAME" not in name and ("/" in name or name.endswith(endings) or name in folders)]


def test_every_path_in_contributing_exists() -> None:
    """Each step of a recipe names its file, and the file is there."""
    named = [name for name in paths_named_in(CONTRIBUTING.read_text(encoding="utf-8")) if name not in EXAMPLES]

    assert len(named) > 40
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_name_in_contributing_is_in_its_file() -> None:
    """A recipe that says "`NAME` in `file`" is right about the name."""
    text = " ".join(CONTRIBUTING.read_text(encoding="utf-8").split())
    named = re.findall(r"`(\w+)`(?: or `(\w+)`)? (?:in|to) `([\w./-]+\.\w+)`", text)

    assert len(named) >= 5
    for *names, path in named:
        content = (ROOT / path).read_text(encoding="utf-8")
        assert [name for name in names if name and name not in content] == [], path


EXAMPLES = {"x.py", "test_x.py"}
"""Names that stand for any module."""


def test_the_index_has_every_page() -> None:
    """docs/README.md links every page once."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)]+)\)", index)
    pages = [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md"]

    assert sorted(link for link in links if "/" not in link) == sorted(pages)


def test_the_readme_leads_to_contributing_and_to_the_index() -> None:
    """A newcomer finds both from the front page."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    assert "](CONTRIBUTING.md)" in readme
    assert "](docs/README.md)" in readme


def test_every_decision_is_dated_and_complete() -> None:
    """Each decision has a date, a status, a reason, alternatives and a cost, and the dates do not go back."""
    text = (ROOT / "docs" / "decisions.md").read_text(encoding="utf-8")
    numbers, dates = [], []
    for section in text.split("\n## ")[1:]:
        found = re.match(r"(\d+)\. .+\n\n(\d{4}-\d{2}-\d{2}) · (in force|replaced by \d+)\n", section)
        assert found, section.splitlines()[0]
        numbers.append(int(found[1]))
        dates.append(found[2])
        for part in ("Decision", "Reason", "Alternatives", "Cost"):
            assert f"\n- **{part}**: " in section, (section.splitlines()[0], part)

    assert numbers == list(range(1, len(numbers) + 1))
    assert dates == sorted(dates)
