"""Rules of the house that no module can hold by itself: which way imports point, and what the lock names."""

import ast
import importlib
import re
from pathlib import Path

import pytest

from tests.support import ROOT

SOURCES = {"message_sender": ROOT / "src", "sociocs_cli": ROOT / "src", "sandbox": ROOT}
"""The folder that each package stands in."""
BELOW: dict[str, set[str]] = {
    "message_sender": set(),
    "sociocs_cli": {"message_sender"},
    "sandbox": {"moto"},  # it starts the function and the command as its users do, and imports neither
}
"""Which of the other packages each may import."""
PACKAGES = {*SOURCES, "tests", "tools", "benchmarks", "moto"}


def order_of(package: str) -> list[str]:
    """The modules of a package, in the order of its docstring: `envelope`, `contract.message`."""
    docstring = importlib.import_module(package).__doc__ or ""
    return re.findall(r"^    ([\w.]+)  +\S", docstring, re.MULTILINE)


def modules_of(package: str) -> list[str]:
    """The modules that a package has on disk."""
    folder = SOURCES[package] / package
    paths = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py"))
    return sorted(".".join(path.parts) for path in paths if path.name not in ("__init__", "__main__"))


MODULES = [(package, module) for package in SOURCES for module in modules_of(package)]


def path_of(package: str, module: str) -> Path:
    """The file of a module."""
    return SOURCES[package] / package / f"{module.replace('.', '/')}.py"


def imported(path: Path) -> set[str]:
    """The dotted names of all modules that a file imports."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    return names | {f"{node.module}.{alias.name}" for node in froms for alias in node.names}


@pytest.mark.parametrize("package", SOURCES)
def test_the_docstring_lists_every_module(package: str) -> None:
    """Whoever reads the pipeline reads all of it."""
    assert sorted(order_of(package)) == modules_of(package)


@pytest.mark.parametrize(("package", "module"), MODULES)
def test_imports_point_up_the_list(package: str, module: str) -> None:
    """Data flows one way: a module imports only what stands before it, and only packages below its own."""
    order = order_of(package)
    allowed = {f"{package}.{name}" for name in order[: order.index(module)]}

    for name in imported(path_of(package, module)):
        root = name.split(".")[0]
        if root == package:
            # `from package.module import name` holds the module, and `from package import module` is one.
            assert {name, name.rpartition(".")[0]} & allowed, name
        else:
            assert root not in PACKAGES - BELOW[package], name


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
