"""`python -m benchmarks` (make bench): compare the function with a simple solution."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import click

from benchmarks.contender import BenchmarkError
from benchmarks.measures import MEASURES, QUICK, Measure, Plan, measure
from benchmarks.package import BUILT
from benchmarks.ratio import Comparison
from benchmarks.report import as_dict, show
from benchmarks.surroundings import ROOT, Surroundings, surroundings
from sandbox.steps import showing_steps


@dataclass(frozen=True)
class Bench:
    """The measurements and the surroundings of a run. A test passes its own with `obj=`."""

    measures: Mapping[str, Measure] = field(default_factory=lambda: MEASURES)
    surroundings: Callable[[], AbstractContextManager[Surroundings]] = surroundings


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Run fewer turns: about one minute instead of four.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option(
    "--only",
    type=click.Choice(list(MEASURES)),
    multiple=True,
    help="Run only this measurement. The option may be repeated.",
)
@click.pass_context
def main(context: click.Context, *, quick: bool, as_json: bool, only: tuple[str, ...]) -> None:
    """Compare the function with a simple solution.

    The simple solution is benchmarks/peer.py. One run measures both in turns. The result is the ratio of the two.

    \b
    Exit codes:
      0    every ratio is within its limit
      1    a ratio is not, or a contender did not do its work
      2    the command line is wrong
      130  interrupted
    """  # noqa: D301 - click reads the control character, not its escape
    # SIGTERM ends the run like Ctrl-C: all processes stop in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        comparisons = _run(context.obj or Bench(), only or tuple(MEASURES), QUICK if quick else Plan())
    except KeyboardInterrupt:
        sys.exit(130)
    except (BenchmarkError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    skipped = []
    if "package" in (only or MEASURES) and not any(c.name.startswith("Package") for c in comparisons):
        skipped.append(f"the package, because {BUILT.relative_to(ROOT)} does not exist; `make build` makes it")
    if as_json:
        print(json.dumps(as_dict(comparisons, skipped), indent=2))
    else:
        show(comparisons, skipped)
    sys.exit(0 if all(comparison.met for comparison in comparisons) else 1)


def _run(bench: Bench, names: tuple[str, ...], plan: Plan) -> list[Comparison]:
    with showing_steps() as steps:
        said = ""

        def progress(name: str, turn: int, turns: int) -> None:
            nonlocal said
            if name != said:
                steps(name)
                said = name
            steps(name, turn, turns)

        with bench.surroundings() as given:
            return list(measure([bench.measures[name] for name in names], given, plan, progress))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
