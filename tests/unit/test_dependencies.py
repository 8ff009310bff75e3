"""Two lists of dependencies: the wheel's, and the function's, which is a part of it."""

import re
import tomllib

from tests.support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WHEEL = PROJECT["project"]["dependencies"]
FUNCTION = PROJECT["dependency-groups"]["function"]


def names(requirements: list[str]) -> set[str]:
    """The packages of a list."""
    return {re.split(r"[^\w-]", requirement)[0] for requirement in requirements}


def test_what_the_function_needs_the_wheel_needs_in_the_same_versions() -> None:
    """The function is in the wheel too, and the tests run what the package has."""
    assert set(FUNCTION) <= set(WHEEL)


def test_the_functions_package_has_nothing_of_the_command() -> None:
    """A dependency of the command would cost the function cold start."""
    shipped = names((ROOT / "src" / "requirements.txt").read_text(encoding="utf-8").splitlines())

    assert names(FUNCTION) <= shipped
    assert not (names(WHEEL) - names(FUNCTION)) & shipped
