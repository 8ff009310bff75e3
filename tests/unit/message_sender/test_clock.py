"""A clock that goes on while the function is frozen, and never back."""

from message_sender.clock import SteadyClock
from tests.support.clock import START, FakeClock


def test_it_follows_the_wall_clock() -> None:
    """Also while the monotonic one stands still."""
    clock = FakeClock(frozen=True)
    steady = SteadyClock(clock)

    clock.now += 600

    assert steady.now() == START + 600


def test_it_goes_on_from_where_it_was_when_the_clock_is_set_back() -> None:
    """However often that happens."""
    clock = FakeClock()
    steady = SteadyClock(clock)
    for number in range(3):
        clock.now -= 3600
        assert steady.now() == START + number
        clock.now += 1
        assert steady.now() == START + number + 1
