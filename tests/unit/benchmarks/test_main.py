"""The output of a run, and its exit code."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.__main__ import Bench, main
from benchmarks.contender import BenchmarkError
from benchmarks.measures import MEASURES
from benchmarks.ratio import compare


@pytest.fixture
def run() -> Any:
    """Run the command with one fake measure, which returns the given ratio or raises the given error."""

    def run(*arguments: str, ratio: float = 0.1, error: Exception | None = None) -> Any:
        def measured(*_: Any) -> Iterator[Any]:
            if error:
                raise error
            yield compare("Wall time", "ms", [ratio], [1], at_most=0.2)

        @contextmanager
        def nothing() -> Iterator[Any]:
            yield

        bench = Bench({"wall": measured}, nothing)
        return CliRunner().invoke(main, ["--only", "wall", *arguments], obj=bench)

    return run


@pytest.mark.parametrize(("ratio", "code"), [(0.1, 0), (0.3, 1)])
def test_json_has_every_ratio_and_the_exit_code_says_whether_all_are_met(run: Any, ratio: float, code: int) -> None:
    """The JSON has the ratio, its limit and whether the limit is met."""
    done = run("--json", ratio=ratio)
    found = json.loads(done.stdout)
    assert done.exit_code == code
    assert found["met"] is (code == 0)
    assert found["measurements"][0]["ratio"]["median"] == ratio
    assert found["measurements"][0]["at_most"] == 0.2


@pytest.mark.parametrize(("ratio", "last"), [(0.1, "Every ratio is within its limit."), (0.3, "Wall time")])
def test_the_table_ends_with_the_verdict(run: Any, ratio: float, last: str) -> None:
    """The last line says whether all limits are met."""
    assert last in run(ratio=ratio).stdout.splitlines()[-1]


def test_a_contender_that_did_not_do_its_work_is_an_error_in_one_line(run: Any) -> None:
    """A contender that sent too few or too many messages has no result."""
    done = run(error=BenchmarkError("10 messages: 9 requests, 0 failures"))
    assert done.exit_code == 1
    assert "9 requests" in done.stderr
    assert "Traceback" not in done.output


def test_help_names_every_measure() -> None:
    """`--help` lists all measures and starts no process."""
    done = CliRunner().invoke(main, ["--help"])
    assert done.exit_code == 0
    assert all(name in done.stdout for name in MEASURES)
