"""The worst cases do the work that they are named after."""

import pytest

from benchmarks.worst_cases import WORST_CASES, cpu_seconds
from message_sender.contract.problems import Invalid


@pytest.mark.parametrize("name", WORST_CASES)
def test_each_case_ends_in_words(name: str) -> None:
    """A text, or every problem up to the bound; and it takes CPU."""
    work = WORST_CASES[name](50)
    found = work()

    assert found if isinstance(found, str) else isinstance(found, Invalid)
    assert cpu_seconds(work) > 0
