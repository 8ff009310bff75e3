"""Medians, spread, ratios and their limits. Pure arithmetic."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of some values, and the quartiles around it."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise values; with fewer than four the quartiles are the smallest and the largest."""
        if len(values) < 4:
            return cls(median(values), min(values), max(values))
        low, _, high = quantiles(values, n=4, method="inclusive")
        return cls(median(values), low, high)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing measured of two contenders."""

    name: str
    unit: str
    ours: Spread
    against: Spread
    ratio: Spread
    """Ours divided by what it is measured against, turn by turn."""
    baseline: str = "peer"
    """What it is measured against."""
    at_most: float | None = None
    """The ratio's limit from above; None where more is better, or where there is no promise."""
    at_least: float | None = None
    """The ratio's limit from below."""

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
    """Compare values that belong together turn by turn.

    Raises:
        ValueError: there are none, or not equally many.
    """
    ratios = [one / other for one, other in zip(ours, against, strict=True)]
    if not ratios:
        raise ValueError(f"{name}: nothing was measured")
    return Comparison(name, unit, Spread.of(ours), Spread.of(against), Spread.of(ratios), baseline, at_most, at_least)
