"""Phone numbers that nobody has are known, and examples that people use are not among them."""

import pytest

from sociocs_cli.numbers import is_known


@pytest.mark.parametrize(
    ("number", "known"),
    [
        ("+16175551212", True),
        ("16175551212", True),
        ("+16175550123", True),
        ("+447911123456", True),
        ("6175551212", False),
        ("+6175551212", False),
        ("999123456789", False),
    ],
)
def test_a_number_without_its_country_code_is_not_known(number: str, *, known: bool) -> None:
    """Its first digits are then those of some other country."""
    assert is_known(number) is known
