"""The Makefile installs what each target needs, from the index that the machine names."""

import ast
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.support import ROOT

FAKE_UV = """#!/bin/sh
echo "$UV_DEFAULT_INDEX|$*" >>calls
"""
INDEX = "https://index.example/simple"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the Makefile with a `uv` that records its calls."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "uv.lock", "tools/pyproject.toml", "tools/uv.lock"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    uv = tmp_path / ".tools" / "uv" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(FAKE_UV)
    uv.chmod(0o755)
    for folder in (".venv", ".tools/sam"):  # `uv` makes them
        (tmp_path / folder).mkdir()
    return tmp_path


def calls(project: Path, target: str, **variables: str) -> list[str]:
    """Make a target, and return the calls of `uv`: its index and its arguments."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_", "MAKE"))}
    command = ["make", "--no-print-directory", f"PYTHON={sys.executable}", target]
    subprocess.run(command, cwd=project, env=environment | variables, check=True, capture_output=True)
    return (project / "calls").read_text().splitlines()


@pytest.mark.parametrize(
    ("target", "options"),
    [
        (".venv/.ready", "--project ."),
        (".venv/.sandbox", "--project . --no-default-groups --group sandbox"),
        (".tools/sam/.ready", "--project tools --only-group sam"),
    ],
)
def test_each_environment_gets_its_own_groups(project: Path, target: str, options: str) -> None:
    """Development gets all groups, the sandbox its own, and each tool one."""
    (call,) = calls(project, target)

    assert call.split() == f"|sync --frozen --quiet --python {sys.executable} {options}".split()


def test_an_index_of_the_machine_is_used(project: Path) -> None:
    """`uv sync` alone ignores PIP_INDEX_URL and takes the addresses in the lock."""
    found = calls(project, ".venv/.ready", PIP_INDEX_URL=INDEX)

    assert {call.partition("|")[0] for call in found} == {INDEX}
    assert [" ".join(re.findall(r"^(?:pip )?\w+", call.partition("|")[2])) for call in found] == [
        "venv",
        "export",
        "pip sync",
        "pip install",
    ]
    assert "--require-hashes" in found[2]
    assert not [call for call in calls(project, ".tools/sam/.ready", PIP_INDEX_URL=INDEX)[4:] if "--editable" in call]


def test_the_demo_uses_the_small_environment_only_if_there_is_no_large_one(project: Path) -> None:
    """After `make setup` nothing is removed for the demo."""
    python = project / ".venv" / "bin" / "python"
    python.parent.mkdir()
    python.symlink_to("/bin/true")

    assert "--group sandbox" in calls(project, "demo")[-1]
    (project / ".venv" / ".ready").touch()
    assert len(calls(project, "demo")) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="some packages are only for Linux")
def test_the_sandbox_imports_only_packages_of_its_groups() -> None:
    """`make demo` installs every package that the sandbox and the command import."""
    files = [file for folder in ("sandbox", "src") for file in (ROOT / folder).rglob("*.py")]
    roots = {root for file in files for root in _imports(file)} - set(sys.stdlib_module_names)
    distributions = packages_distributions()
    uv = ROOT / ".tools" / "uv" / "bin" / "uv"
    groups = ["--no-default-groups", "--group", "sandbox"]
    exported = subprocess.run(
        [uv, "export", "--frozen", "--offline", "--no-hashes", *groups],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    installed = {re.sub(r"[-_.]+", "-", name) for name in re.findall(r"^([\w.-]+)==", exported, re.MULTILINE)}
    needed = {
        re.sub(r"[-_.]+", "-", distribution.lower()) for root in roots for distribution in distributions.get(root, [])
    }

    assert len(needed) > 8
    assert needed - {"sociocs-message-sender"} <= installed


def _imports(file: Path) -> set[str]:
    """Return the top-level packages that a module imports when it runs, without those for type checking."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return {name.partition(".")[0] for name in names}
