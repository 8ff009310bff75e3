"""Pace, breaker and gate, on a clock that tests hold in their hands."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.pace import FIRST_OPEN_SECONDS, LONGEST_OPEN_SECONDS, Breaker, Gate, Pace
from tests.support.clock import START, FakeClock


@pytest.fixture
def clock() -> FakeClock:
    """The only clock."""
    return FakeClock()


# --- pace -------------------------------------------------------------------------------------------------------------


def test_no_limit_means_no_wait(clock: FakeClock) -> None:
    """0 is off, also for a slot that would be too late."""
    assert [Pace(0, clock=clock).wait_for(within) for within in (60, -1)] == [(True, 0)] * 2


def test_slots_are_evenly_spaced(clock: FakeClock) -> None:
    """Four a second: a quarter of a second apart, the first one too, and no burst after an idle minute."""
    pace = Pace(4, first=1, clock=clock)

    assert [pace.wait_for(60) for _ in range(3)] == [(True, 0.25), (True, 0.5), (True, 0.75)]
    clock.now += 60
    assert [pace.wait_for(60) for _ in range(3)] == [(True, 0), (True, 0.25), (True, 0.5)]


def test_a_slot_that_is_too_late_is_not_used_up(clock: FakeClock) -> None:
    """Nine messages that are turned away do not delay the tenth, and each hears when its turn may be."""
    pace = Pace(1, first=1, clock=clock)

    assert [pace.wait_for(0.5) for _ in range(9)] == [(False, 1)] * 9
    assert pace.wait_for(1) == (True, 1)


def test_instances_that_start_at_once_are_not_in_step(clock: FakeClock) -> None:
    """A hundred instances, each once in a hundred seconds: about one a second in all, from the first second on."""
    starts = [Pace(0.01, clock=clock).wait_for(100)[1] for _ in range(100)]

    assert len(set(starts)) == 100
    assert max(starts) < 100
    assert sum(start < 50 for start in starts) in range(20, 80)  # 6 standard deviations


def test_the_pace_goes_on_while_the_function_is_frozen(clock: FakeClock) -> None:
    """Lambda stops the monotonic clock between invocations: a turn that comes after this one comes all the same."""
    clock.frozen = True
    pace = Pace(0.01, first=1, clock=clock)

    assert pace.wait_for(20) == (False, 100)
    clock.now += 90
    assert pace.wait_for(20) == (True, 10)


def test_threads_share_one_pace(clock: FakeClock) -> None:
    """Each slot is given once, however many ask for one at the same time."""
    pace = Pace(10, first=1, clock=clock)
    together = threading.Barrier(8)

    def ask(_: int) -> list[tuple[bool, float]]:
        together.wait()
        return [pace.wait_for(60) for _ in range(25)]

    with ThreadPoolExecutor(8) as pool:
        waits = sorted(wait for found in pool.map(ask, range(8)) for _, wait in found)

    assert waits == pytest.approx([(number + 1) / 10 for number in range(200)])


def test_a_clock_that_is_set_back_stops_nothing(clock: FakeClock) -> None:
    """The next slot is a second later, not an hour."""
    pace = Pace(1, first=0, clock=clock)
    assert pace.wait_for(60) == (True, 0)

    clock.now -= 3600

    assert pace.wait_for(60) == (True, 1)
    clock.now += 1
    assert pace.wait_for(60) == (True, 1)


# --- breaker ----------------------------------------------------------------------------------------------------------

DOWN = Deferred(ErrorCode.API_UNAVAILABLE, "503")


def opened(breaker: Breaker, outcome: Outcome = DOWN) -> None:
    """One message meets this."""
    assert breaker.enter(0) is None
    breaker.leave(outcome)


def test_it_opens_for_longer_each_time(clock: FakeClock) -> None:
    """5, 10, 20, 40 and then 60 s: what anybody waits at most after an outage is over."""
    breaker = Breaker(8, clock)
    waits = []
    for _ in range(3000):
        opened(breaker)
        refusal = breaker.refusal()
        assert refusal
        waits.append(refusal.retry_after)
        clock.now += refusal.retry_after or 0

    assert waits[:6] == [FIRST_OPEN_SECONDS, 10, 20, 40, LONGEST_OPEN_SECONDS, LONGEST_OPEN_SECONDS]
    assert set(waits[4:]) == {LONGEST_OPEN_SECONDS}, "two days of it are no reason to fail"


def test_it_stays_open_for_as_long_as_the_api_asks(clock: FakeClock) -> None:
    """Retry-After counts, also a second one that is longer."""
    breaker = Breaker(8, clock)
    assert [breaker.enter(0) for _ in range(2)] == [None, None]
    breaker.leave(Deferred(ErrorCode.API_THROTTLED, "429", 100))
    breaker.leave(Deferred(ErrorCode.API_THROTTLED, "429", 300))

    assert breaker.refusal() == Deferred(
        ErrorCode.NOT_ATTEMPTED, "handed back untried: another message met API_THROTTLED", 300
    )


def test_many_failures_at_once_open_it_once(clock: FakeClock) -> None:
    """Eight that were under way fail for the same reason."""
    breaker = Breaker(8, clock)
    for _ in range(8):
        assert breaker.enter(0) is None
    for _ in range(8):
        breaker.leave(Unknown("no answer"))

    refusal = breaker.refusal()
    assert refusal
    assert refusal.retry_after == FIRST_OPEN_SECONDS


def test_it_closes_by_1_2_4(clock: FakeClock) -> None:
    """Each answer doubles what goes at once; the rest is handed back."""
    breaker = Breaker(8, clock)
    opened(breaker)
    clock.now += FIRST_OPEN_SECONDS
    sizes = []
    for _ in range(4):
        entered = 0
        while breaker.enter(0) is None:
            entered += 1
        sizes.append(entered)
        breaker.leave(Accepted("1"))
        for _ in range(entered - 1):
            breaker.leave(None)

    assert sizes == [1, 2, 4, 8]
    opened(breaker)
    refusal = breaker.refusal()
    assert refusal
    assert refusal.retry_after == FIRST_OPEN_SECONDS, "it was closed"


@pytest.mark.parametrize(
    "outcome",
    [
        Accepted("1", duplicate=True),
        Rejected(ErrorCode.EXPIRED, ""),
        Deferred(ErrorCode.IN_PROGRESS, ""),
        Deferred(ErrorCode.NOT_ATTEMPTED, ""),
        Deferred(ErrorCode.INTERNAL_ERROR, ""),
        Unknown("", earlier=True),
        None,
    ],
)
def test_what_made_no_call_says_nothing(outcome: Outcome | None, clock: FakeClock) -> None:
    """It neither opens the breaker, nor closes it, nor takes away a doubt."""
    breaker = Breaker(8, clock)
    doubt = Deferred(ErrorCode.API_UNAUTHORIZED, "401")
    for each in (doubt, outcome, doubt):
        assert breaker.refusal() is None
        assert breaker.enter(0) is None
        breaker.leave(outcome if each is None else each)

    assert breaker.refusal()


def test_an_answer_takes_a_doubt_away(clock: FakeClock) -> None:
    """A message that Sociocs refused is an answer too: the apikey is good."""
    breaker = Breaker(8, clock)
    doubt = Deferred(ErrorCode.API_UNAUTHORIZED, "401")
    for each in (doubt, Accepted("1"), doubt, Rejected(ErrorCode.API_REJECTED, "400"), doubt):
        opened(breaker, each)

    assert breaker.refusal() is None


def test_a_clock_that_is_set_back_keeps_it_open_no_longer(clock: FakeClock) -> None:
    """An hour back is no hour more to wait."""
    breaker = Breaker(8, clock)
    opened(breaker)
    clock.now -= 3600
    assert breaker.refusal()
    clock.now += FIRST_OPEN_SECONDS

    assert breaker.refusal() is None


# --- gate -------------------------------------------------------------------------------------------------------------


def test_a_breaker_that_opens_during_the_wait_for_the_pace_counts(clock: FakeClock) -> None:
    """Two threads wait for their slots; what the first learns keeps the second from sending."""
    meeting = threading.Barrier(2, timeout=10)
    learnt = threading.Event()
    gate = Gate(Pace(1, clock=clock), Breaker(8, clock), START + 60, clock)

    def wait(seconds: float) -> None:
        meeting.wait()
        if seconds > 1:  # the second slot's
            assert learnt.wait(10)

    clock.sleep = wait  # type: ignore[method-assign]

    def first_or_second(_: int) -> Deferred | None:
        refusal = gate.admit()
        if refusal is None:
            gate.leave(Deferred(ErrorCode.API_THROTTLED, "429", 7))
            learnt.set()
        return refusal

    with ThreadPoolExecutor(2) as pool:
        found = sorted(pool.map(first_or_second, range(2)), key=bool)

    assert found[0] is None
    assert found[1]
    assert (found[1].code, found[1].retry_after) == (ErrorCode.NOT_ATTEMPTED, 7)


def test_a_turn_that_comes_later_is_waited_for_on_the_queue(clock: FakeClock) -> None:
    """A function that sleeps is paid for: past two seconds the message goes back until about its turn."""
    gate = Gate(Pace(0.1, first=1, clock=clock), Breaker(8, clock), START + 60, clock)

    refusal = gate.admit()

    assert refusal
    assert (refusal.code, refusal.retry_after) == (ErrorCode.NOT_ATTEMPTED, 10)
    assert clock.slept == []
    clock.now += 8
    assert gate.admit() is None
    assert clock.slept == [2]
