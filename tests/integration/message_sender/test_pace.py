"""The breaker, Retry-After for those behind it, and the time that is left, through the whole function."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from message_sender.batch import RESERVE_SECONDS
from message_sender.ledger import Begun, Entry, Found, Ledger, LedgerUnavailableError
from tests.support.builders import message
from tests.support.clock import AheadClock
from tests.support.mapping import Mapping, letters
from tests.support.world import FakeContext, World

ONE_AT_A_TIME = {"send_concurrency": "1"}


def test_after_one_429_the_rest_of_the_batch_is_handed_back_untried(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """One request learns it for all ten, and all ten wait as long as Retry-After says."""
    world.sociocs.rule(status=429, headers={"Retry-After": "120"}, times=1)
    mapping = Mapping(world, ONE_AT_A_TIME)
    sent = [world.send(message()) for _ in range(10)]

    stay = mapping.turn()

    assert sorted(stay) == sorted(sent)
    assert world.sociocs.count == 1
    assert all(120 <= (mapping.wait_of(one) or 0) <= 133 for one in sent)
    log = capsys.readouterr().out
    assert log.count('"code":"NOT_ATTEMPTED"') >= 9
    assert "another message met API_THROTTLED" in log


def test_the_breaker_is_closed_again_for_the_next_batch(world: World) -> None:
    """Those who were handed back lost nothing but time."""
    world.sociocs.rule(status=503, times=1)
    mapping = Mapping(world, ONE_AT_A_TIME)
    for _ in range(5):
        world.send(message())
    mapping.turn()

    mapping.end_waits()
    assert mapping.turn() == []
    assert world.sociocs.accepted_count == 5


@pytest.mark.parametrize(("status", "requests"), [(429, 1), (503, 1), (404, 2), (302, 2), (401, 4), (403, 4)])
def test_what_opens_the_breaker(status: int, requests: int, world: World) -> None:
    """What every other message would meet too; what may be about one message only, when a second has met it."""
    world.sociocs.rule(status=status, body={"message": "Not Found"} if status == 404 else None)
    mapping = Mapping(world, ONE_AT_A_TIME)
    for _ in range(4):
        world.send(message())

    assert len(mapping.turn()) == 4
    assert world.sociocs.count == requests


def test_a_hanging_api_costs_one_unknown_outcome_a_thread(world: World) -> None:
    """The answer that does not come to the first message would not come to the others: they were not sent."""
    world.sociocs.hold()
    mapping = Mapping(world, {**ONE_AT_A_TIME, "read_timeout_seconds": "0.3"})
    for _ in range(4):
        world.send(message())

    assert len(mapping.turn()) == 3
    assert world.sociocs.count == 1
    world.sociocs.clear_rules()


def test_a_refusal_does_not_open_the_breaker(world: World) -> None:
    """It is one message's own: the others are sent."""
    world.sociocs.rule(status=400, times=1)
    mapping = Mapping(world, ONE_AT_A_TIME)
    for _ in range(4):
        world.send(message())

    assert mapping.turn() == []
    assert world.sociocs.count == 4
    assert world.sociocs.accepted_count == 3


class BrokenLedger(Ledger):
    """A table that answers no begin, or only the first not."""

    def __init__(self, world: World, failures: int) -> None:
        super().__init__(world.client("dynamodb"), world.name, 19, resend_unknown=False)
        self.failures, self.asked = failures, 0

    def begin(self, entry: Entry, now: float, until: float) -> Begun | Found:
        """Fail."""
        self.asked += 1
        if self.asked <= self.failures:
            raise LedgerUnavailableError("ReadTimeoutError")
        return super().begin(entry, now, until)


def test_without_the_ledger_nothing_else_is_tried(world: World) -> None:
    """A table that does not answer takes seconds for each message: those of two are enough."""
    ledger = BrokenLedger(world, failures=99)
    mapping = Mapping(world, ONE_AT_A_TIME, ledger=ledger)
    for _ in range(4):
        world.send(message())

    assert len(mapping.turn()) == 4
    assert ledger.asked == 2
    assert world.sociocs.count == 0


def test_one_write_that_the_ledger_refuses_stops_nobody_else(world: World) -> None:
    """A throttled write, or a connection that was reset, is one message's."""
    mapping = Mapping(world, ONE_AT_A_TIME, ledger=BrokenLedger(world, failures=1))
    for _ in range(4):
        world.send(message())

    assert len(mapping.turn()) == 1
    assert world.sociocs.accepted_count == 3


@pytest.mark.parametrize(("spare", "sent"), [(-0.5, 0), (5, 3)])
def test_no_send_is_started_that_cannot_finish(spare: float, sent: int, world: World) -> None:
    """A request takes up to 2 x 1 + 5 s here, beside what is kept in reserve for the ledger and the routing."""
    mapping = Mapping(world)
    for _ in range(3):
        world.send(message())

    stay = mapping.turn(FakeContext(seconds=2 * 1 + 5 + RESERVE_SECONDS + spare))

    assert world.sociocs.count == sent
    assert len(stay) == 3 - sent


class SleepyClock(AheadClock):
    """Sleeping takes an hour."""

    def sleep(self, seconds: float, /) -> None:  # noqa: ARG002 - the clock's signature
        """Be an hour later."""
        self.seconds += 3600


def test_a_message_that_expires_while_it_waits_for_the_pace_is_not_sent(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is judged again once its turn has come."""
    monkeypatch.setattr(random, "random", lambda: 0.95)  # the first turn is 1.9 s away
    clock = SleepyClock()
    mapping = Mapping(world, {"max_sends_per_second": "0.5", "maximum_concurrency": "1"}, clock=clock)
    expires_at = datetime.now(UTC) + timedelta(minutes=30)
    world.send(message(metadata={"expires_at": expires_at.isoformat()}))

    assert mapping.turn() == []

    assert clock.seconds == 3600
    assert world.sociocs.count == 0
    assert [letter["ERROR_CODE"] for letter in letters(world)] == ["EXPIRED"]


def test_a_pace_spaces_the_sends(world: World) -> None:
    """`MaxSendsPerSecond` 100 over 5 instances are 20 a second here: four messages take three twentieths at least."""
    mapping = Mapping(world, {"max_sends_per_second": "100", "maximum_concurrency": "5"})
    for _ in range(4):
        world.send(message())

    context = FakeContext()
    assert mapping.turn(context) == []
    assert 60_000 - context.get_remaining_time_in_millis() >= 150
    assert world.sociocs.accepted_count == 4


def test_a_slow_pace_hands_back_what_it_has_no_time_for(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One send in 500 s, and time for three: all are back undamaged, until about their turn."""
    monkeypatch.setattr(random, "random", lambda: 0.5)
    mapping = Mapping(world, {"max_sends_per_second": "0.02", "maximum_concurrency": "10"})
    for _ in range(3):
        world.send(message())

    stay = mapping.turn(FakeContext(seconds=2 * 1 + 5 + RESERVE_SECONDS + 3))

    assert len(stay) == 3
    assert world.sociocs.count == 0
    assert all(150 < (mapping.wait_of(one) or 0) <= 276 for one in stay)
    assert capsys.readouterr().out.count("its turn within MaxSendsPerSecond comes later") == 3
