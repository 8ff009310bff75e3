"""The version is said in three places, and is the same in each."""

import re
import tomllib

from message_sender.version import VERSION
from tests.support import ROOT


def test_the_package_and_the_template_have_the_same_version() -> None:
    """A stack says which version runs, and Sociocs sees it in the User-Agent."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")

    assert project["version"] == VERSION
    assert re.findall(r"SemanticVersion: (\S+)", template) == [VERSION]
    assert re.findall(r"Version:\n(?:    .*\n)*?    Value: (\S+)\n", template) == [VERSION]
