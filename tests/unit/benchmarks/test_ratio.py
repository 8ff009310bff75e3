"""Medians, ratios and limits are right."""

import pytest

from benchmarks.ratio import Spread, compare


def test_a_ratio_is_the_median_of_the_turns_ratios() -> None:
    """A turn in which the machine was slow for both contenders does not change the ratio."""
    found = compare("wall", "ms", [1, 2, 30], [10, 20, 300])
    assert found.ratio == Spread(0.1, 0.1, 0.1)
    assert (found.ours.median, found.against.median) == (2, 20)


def test_one_outlier_does_not_move_the_quartiles() -> None:
    """The quartiles enclose the middle half of the values."""
    assert Spread.of([1, 2, 3, 4, 1000]) == Spread(3, 2, 4)


def test_few_values_spread_from_the_smallest_to_the_largest() -> None:
    """With fewer than four values, the spread is from the smallest to the largest."""
    assert Spread.of([5]) == Spread(5, 5, 5)
    assert Spread.of([3, 1, 2]) == Spread(2, 1, 3)


@pytest.mark.parametrize(
    ("limits", "met"),
    [
        ({}, True),
        ({"at_most": 0.5}, True),
        ({"at_most": 0.49}, False),
        ({"at_least": 0.5}, True),
        ({"at_least": 0.51}, False),
    ],
)
def test_a_limit_is_met_up_to_itself(limits: dict[str, float], *, met: bool) -> None:
    """Both limits are inclusive, and a comparison without a limit is always met."""
    assert compare("x", "ms", [1], [2], **limits).met is met  # type: ignore[arg-type]  # the dictionary has only keywords


@pytest.mark.parametrize(("ours", "against"), [([], []), ([1], [1, 2])])
def test_turns_that_do_not_pair_are_refused(ours: list[float], against: list[float]) -> None:
    """Values of different turns cannot be compared."""
    with pytest.raises(ValueError, match=r"nothing was measured|zip"):
        compare("x", "ms", ours, against)
