"""`python -m benchmarks` (make bench): ours against a naive peer, as ratios."""

from __future__ import annotations

import json
import signal
import sys

import click

from benchmarks.contender import BenchmarkError
from benchmarks.measures import MEASURES, QUICK, Plan, measure
from benchmarks.package import BUILT
from benchmarks.ratio import Comparison
from benchmarks.report import as_dict, show
from benchmarks.surroundings import ROOT, surroundings
from sandbox.demo.report import showing_steps


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="Fewer turns: about one minute instead of four.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--only", type=click.Choice(list(MEASURES)), multiple=True, help="Measure this; may be repeated.")
def main(*, quick: bool, as_json: bool, only: tuple[str, ...]) -> None:
    """Measure the function against what a competent team would write in an afternoon.

    The peer is benchmarks/peer.py. Both are measured in one run, in turns, and what counts is their ratio.

    \b
    Exit codes:
      0    every ratio is within its limit
      1    one is not, or a contender did not do its work
      2    the command line is wrong
      130  interrupted
    """  # noqa: D301 - click reads the control character, not its escape
    # Ends like Ctrl-C does: with everything stopped in order.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        comparisons = _run(only or tuple(MEASURES), QUICK if quick else Plan())
    except KeyboardInterrupt:
        sys.exit(130)
    except (BenchmarkError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    skipped = []
    if "package" in (only or MEASURES) and not any(c.name.startswith("Package") for c in comparisons):
        skipped.append(f"the package, because there is none in {BUILT.relative_to(ROOT)}; `make build` makes it")
    if as_json:
        print(json.dumps(as_dict(comparisons, skipped), indent=2))
    else:
        show(comparisons, skipped)
    sys.exit(0 if all(comparison.met for comparison in comparisons) else 1)


def _run(names: tuple[str, ...], plan: Plan) -> list[Comparison]:
    with showing_steps() as steps:
        said = ""

        def progress(name: str, turn: int, turns: int) -> None:
            nonlocal said
            if name != said:
                steps(name)
                said = name
            steps(name, turn, turns)

        with surroundings() as given:
            return list(measure(names, given, plan, progress))


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
