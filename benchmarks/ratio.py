"""Medians, spread, ratios and their limits. This module is arithmetic only."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some values and their quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise values. With fewer than four values, the quartiles are the smallest and the largest value."""
        if len(values) < 4:
            return cls(median(values), min(values), max(values))
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(median(values), low, high)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measurement of two contenders."""

    name: str
    unit: str
    ours: Spread
    against: Spread
    ratio: Spread
    """The function's value divided by the other value, for each turn."""
    baseline: str = "peer"
    """The name of the other contender."""
    at_most: float | None = None
    """The upper limit of the ratio; None if there is none."""
    at_least: float | None = None
    """The lower limit of the ratio; None if there is none."""

    @property
    def met(self) -> bool:
        """Whether the median ratio is within its limit."""
        above = self.at_most is not None and self.ratio.median > self.at_most
        below = self.at_least is not None and self.ratio.median < self.at_least
        return not above and not below


def compare(
    name: str,
    unit: str,
    ours: Sequence[float],
    against: Sequence[float],
    *,
    baseline: str = "peer",
    at_most: float | None = None,
    at_least: float | None = None,
) -> Comparison:
    """Compare the values of two contenders, turn by turn.

    Raises:
        ValueError: there are no values, or the two lists have different lengths.
    """
    ratios = [one / other for one, other in zip(ours, against, strict=True)]
    if not ratios:
        raise ValueError(f"{name}: nothing was measured")
    return Comparison(name, unit, Spread.of(ours), Spread.of(against), Spread.of(ratios), baseline, at_most, at_least)
