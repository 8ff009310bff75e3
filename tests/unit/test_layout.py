"""Rules of the house that no module can hold by itself: which way imports point, and what the lock names."""

import ast
import re
from pathlib import Path

import pytest

import message_sender
from fakes import ROOT

PACKAGE = ROOT / "src" / "message_sender"
ORDER = re.findall(r"^    (\w+)  +\S", message_sender.__doc__ or "", re.MULTILINE)
"""The modules in the order of the package's docstring."""


def imported(path: Path) -> set[str]:
    """The dotted names of all modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return names | {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


def test_the_docstring_lists_every_module() -> None:
    """Whoever reads the pipeline reads all of it."""
    assert sorted(ORDER) == sorted(path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__")


@pytest.mark.parametrize("module", ORDER)
def test_imports_point_up_the_list(module: str) -> None:
    """Data flows one way: a module imports only what stands before it."""
    found = {name.split(".")[1] for name in imported(PACKAGE / f"{module}.py") if name.startswith("message_sender.")}

    assert found <= set(ORDER[: ORDER.index(module)])


@pytest.mark.parametrize("module", ORDER)
def test_the_function_knows_nothing_of_what_surrounds_it(module: str) -> None:
    """What is deployed imports neither the sandbox nor the tools."""
    roots = {name.split(".")[0] for name in imported(PACKAGE / f"{module}.py")}

    assert not roots & {"sandbox", "cli", "tests", "tools", "benchmarks", "moto"}


@pytest.mark.parametrize("path", sorted((ROOT / "sandbox" / "sociocs").glob("*.py")), ids=lambda path: path.stem)
def test_the_simulator_judges_for_itself(path: Path) -> None:
    """It reads the API's page independently of the model that it is to catch."""
    assert not {name for name in imported(path) if name.startswith("message_sender")}


@pytest.mark.parametrize("lock", ["uv.lock", "tools/uv.lock"])
def test_the_lock_names_only_the_public_index(lock: str) -> None:
    """No mirror of anybody's, so that it installs anywhere."""
    hosts = set(re.findall(r"https?://([^/\"]+)", (ROOT / lock).read_text(encoding="utf-8")))

    assert hosts == {"pypi.org", "files.pythonhosted.org"}


def test_the_exported_requirements_name_no_place() -> None:
    """The function's dependencies are hashes and versions, from whatever index the machine has."""
    assert "://" not in (ROOT / "src" / "requirements.txt").read_text(encoding="utf-8")
