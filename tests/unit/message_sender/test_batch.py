"""Threads, pace, breaker and order of one batch, with a clock and a sender that tests hold in their hands."""

import threading
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from message_sender import batch
from message_sender.batch import RESERVE_SECONDS, Batch, Pace, Routed, _Gate
from message_sender.envelope import Delivery, Envelope, QueueRecord
from message_sender.observability import Observer
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Route, Unknown
from message_sender.settings import Settings

START = 1_790_000_000.0
ONE_THREAD = {"send_concurrency": "1"}


@dataclass
class Clock:
    """In place of the module `time`: sleeping only turns its hands."""

    now: float = START
    slept: list[float] = field(default_factory=list)

    def time(self) -> float:
        """Epoch seconds."""
        return self.now

    def monotonic(self) -> float:
        """The same."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Be so much later."""
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The batch's only clock."""
    clock = Clock()
    monkeypatch.setattr(batch, "time", clock)
    return clock


def settings(**changes: str) -> Settings:
    """Settings whose attempts take up to 3 s: connection, TLS, answer."""
    values = {
        "SOCIOCS_BASE_URL": "http://127.0.0.1",
        "API_KEY_SECRET_ARN": "secret",
        "LEDGER_TABLE_NAME": "table",
        "MESSAGE_QUEUE_URL": "queue",
        "DEAD_LETTER_QUEUE_URL": "dead",
        "CONNECT_TIMEOUT_SECONDS": "1",
        "READ_TIMEOUT_SECONDS": "1",
    }
    return Settings.from_environment(values | {name.upper(): value for name, value in changes.items()})


def delivery(name: str, group: str | None = None, sent_at: float = START) -> Delivery:
    """A delivery from the queue; its content is of no interest here."""
    record = QueueRecord(f"receipt-{name}", 1, sent_at, sent_at, group)
    return Delivery(name, Envelope.SQS, "{}", name, {}, record=record)


@dataclass
class FakeSender:
    """Asks for admission as the real one does, and then gives each message the outcome that was set for it."""

    outcomes: dict[str, Outcome | Exception] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    clock: Clock | None = None
    before: Callable[[], object] = bool

    def send(self, delivery: Delivery, admit: Callable[[], Deferred | None], **_: float) -> Outcome:
        """See `Sender.send`."""
        if refusal := admit():
            return refusal
        self.before()
        self.sent.append(delivery.id)
        self.at.append(self.clock.now - START if self.clock else 0)
        outcome = self.outcomes.get(delivery.id, Accepted("1"))
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


@dataclass
class FakeRouter:
    """Puts everything where it belongs, but for what is set to be stranded."""

    stranded: set[str] = field(default_factory=set)
    routed: list[str] = field(default_factory=list)
    ends: set[float] = field(default_factory=set)

    def route(self, pairs: Sequence[tuple[Delivery, Outcome]], ends: float) -> list[Routed]:
        """See `Router.route`."""
        self.ends.add(ends)
        self.routed += [delivery.id for delivery, _ in pairs]
        return [Routed(delivery, outcome, self._of(delivery, outcome)) for delivery, outcome in pairs]

    def _of(self, delivery: Delivery, outcome: Outcome) -> Route:
        if delivery.id in self.stranded:
            return Route.STRANDED
        if isinstance(outcome, Accepted):
            return Route.ACKNOWLEDGED
        return Route.RETURNED if isinstance(outcome, Deferred) else Route.DEAD_LETTERED


def run(
    deliveries: Sequence[Delivery],
    sender: FakeSender,
    router: FakeRouter | None = None,
    seconds_left: float = 60,
    changes: dict[str, str] | None = None,
) -> dict[str, Routed]:
    """Run one batch; what became of each delivery."""
    observer = Observer(namespace="test", service=f"test-{uuid.uuid4().hex}")
    found: Any = Batch(sender.send, (router or FakeRouter()).route, settings(**changes or {}), observer)
    routed: list[Routed] = found.run(deliveries, seconds_left)
    assert sorted(one.delivery.id for one in routed) == sorted(one.id for one in deliveries)
    return {one.delivery.id: one for one in routed}


def codes(routed: dict[str, Routed]) -> dict[str, str]:
    """Error codes of what was not accepted."""
    return {name: one.outcome.code for name, one in routed.items() if not isinstance(one.outcome, Accepted)}


# --- pace -------------------------------------------------------------------------------------------------------------


def test_no_limit_means_no_wait(clock: Clock) -> None:
    """0 is off, also for a slot that would be too late."""
    assert [Pace(0).wait_for(within) for within in (60, -1)] == [(True, 0)] * 2


def test_slots_are_evenly_spaced(clock: Clock) -> None:
    """Four a second: a quarter of a second apart, the first one too, and no burst after an idle minute."""
    pace = Pace(4, first=1)

    assert [pace.wait_for(60) for _ in range(3)] == [(True, 0.25), (True, 0.5), (True, 0.75)]
    clock.now += 60
    assert [pace.wait_for(60) for _ in range(3)] == [(True, 0), (True, 0.25), (True, 0.5)]


def test_a_slot_that_is_too_late_is_not_used_up(clock: Clock) -> None:
    """Nine messages that are turned away do not delay the tenth, and each hears when its turn may be."""
    pace = Pace(1, first=1)

    assert [pace.wait_for(0.5) for _ in range(9)] == [(False, 1)] * 9
    assert pace.wait_for(1) == (True, 1)


def test_instances_that_start_at_once_are_not_in_step(clock: Clock) -> None:
    """A hundred instances, each once in a hundred seconds: about one a second in all, from the first second on."""
    starts = [Pace(0.01).wait_for(100)[1] for _ in range(100)]

    assert len(set(starts)) == 100
    assert max(starts) < 100
    assert sum(start < 50 for start in starts) in range(20, 80)  # 6 standard deviations


def test_the_pace_goes_on_while_the_function_is_frozen(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lambda stops the monotonic clock between invocations: a turn that comes after this one comes all the same."""
    monkeypatch.setattr(clock, "monotonic", lambda: START)
    pace = Pace(0.01, first=1)

    assert pace.wait_for(20) == (False, 100)
    clock.now += 90
    assert pace.wait_for(20) == (True, 10)


def test_threads_share_one_pace(clock: Clock) -> None:
    """Each slot is given once, however many ask for one at the same time."""
    pace = Pace(10, first=1)
    together = threading.Barrier(8)

    def ask(_: int) -> list[tuple[bool, float]]:
        together.wait()
        return [pace.wait_for(60) for _ in range(25)]

    with ThreadPoolExecutor(8) as pool:
        waits = sorted(wait for found in pool.map(ask, range(8)) for _, wait in found)

    assert waits == pytest.approx([(number + 1) / 10 for number in range(200)])


@pytest.mark.parametrize(
    ("overall", "instances", "share"), [("0", "10", 0), ("10", "10", 1), ("5", "10", 0.5), ("100", "2", 50)]
)
def test_each_instance_takes_its_share(overall: str, instances: str, share: float) -> None:
    """Together they stay within the limit, whatever the number of instances at work."""
    assert settings(max_sends_per_second=overall, maximum_concurrency=instances).sends_per_second == share


def test_a_batch_keeps_the_pace(clock: Clock) -> None:
    """One send in two seconds, and room for those that start in time: the rest is handed back untried."""
    sender = FakeSender(clock=clock)
    names = [f"m-{number}" for number in range(10)]
    limits = {"max_sends_per_second": "5", "maximum_concurrency": "10", "send_concurrency": "1"}

    found = run([delivery(name) for name in names], sender, seconds_left=10 + RESERVE_SECONDS + 3, changes=limits)

    assert len(sender.at) == 5
    assert sender.at[0] <= 2
    assert [round(later - before, 6) for before, later in pairwise(sender.at)] == [2] * 4
    assert codes(found) == dict.fromkeys(names[5:], ErrorCode.NOT_ATTEMPTED)
    turned_away = [one.outcome for one in found.values() if isinstance(one.outcome, Deferred)]
    assert all(outcome.retry_after and 0 < outcome.retry_after <= 2 for outcome in turned_away)


def test_the_pace_outlives_the_batch(clock: Clock) -> None:
    """Small batches one after the other are no faster than a large one."""
    sender = FakeSender(clock=clock)
    observer = Observer(namespace="test", service="test")
    one: Any = Batch(
        sender.send, FakeRouter().route, settings(max_sends_per_second="1", maximum_concurrency="1"), observer
    )

    for number in range(4):
        one.run([delivery(f"m-{number}")], 60)

    assert sender.at[0] <= 1
    assert [round(later - before, 6) for before, later in pairwise(sender.at)] == [1] * 3


def test_a_breaker_that_opens_during_the_wait_for_the_pace_counts(clock: Clock) -> None:
    """Two threads wait for their slots; what the first learns keeps the second from sending."""
    meeting = threading.Barrier(2, timeout=10)
    learnt = threading.Event()
    gate = _Gate(Pace(1), START + 60)

    def wait(seconds: float) -> None:
        meeting.wait()
        if seconds > 1:  # the second slot's
            assert learnt.wait(10)

    clock.sleep = wait  # type: ignore[method-assign]

    def first_or_second(_: int) -> Deferred | None:
        refusal = gate.admit()
        if refusal is None:
            gate.learn(Deferred(ErrorCode.API_THROTTLED, "429", 7))
            learnt.set()
        return refusal

    with ThreadPoolExecutor(2) as pool:
        found = sorted(pool.map(first_or_second, range(2)), key=bool)

    assert found[0] is None
    assert found[1]
    assert (found[1].code, found[1].retry_after) == (ErrorCode.NOT_ATTEMPTED, 7)


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds_left", "sent"), [(RESERVE_SECONDS + 3, 1), (RESERVE_SECONDS + 2.9, 0), (0, 0), (-5, 0)]
)
def test_nothing_starts_that_could_outlast_the_function(clock: Clock, seconds_left: float, sent: int) -> None:
    """An attempt may take 3 s here, and the reserve is for what comes after."""
    sender = FakeSender()

    found = run([delivery("m")], sender, seconds_left=seconds_left)

    assert len(sender.sent) == sent
    assert codes(found) == ({} if sent else {"m": ErrorCode.NOT_ATTEMPTED})


def test_slow_sends_leave_the_rest_untried(clock: Clock) -> None:
    """Each send takes 3 s: those whose turn comes too late are not begun."""
    sender = FakeSender(clock=clock, before=lambda: clock.sleep(3))
    names = [f"m-{number}" for number in range(9)]

    found = run([delivery(name) for name in names], sender, seconds_left=9 + RESERVE_SECONDS, changes=ONE_THREAD)

    assert len(sender.sent) == 3  # at 0, 3 and 6 s; 9 - 3 is the latest
    assert set(codes(found).values()) == {ErrorCode.NOT_ATTEMPTED}


def test_the_oldest_goes_first(clock: Clock) -> None:
    """When the time is short, who has waited longest has his turn."""
    sender = FakeSender()
    deliveries = [delivery(f"m-{age}", sent_at=START - age) for age in (1, 50, 7, 300)]

    run(deliveries, sender, changes=ONE_THREAD)

    assert sender.sent == ["m-300", "m-50", "m-7", "m-1"]


# --- threads and breaker ----------------------------------------------------------------------------------------------


def test_messages_run_side_by_side() -> None:
    """As many as `SendConcurrency` are under way at once: all meet in the middle."""
    together = threading.Barrier(8, timeout=10)
    sender = FakeSender(before=together.wait)

    run([delivery(f"m-{number}") for number in range(16)], sender, changes={"send_concurrency": "8"})

    assert len(sender.sent) == 16


def test_a_bug_is_one_messages_own(capsys: pytest.CaptureFixture[str]) -> None:
    """It goes back; its neighbours go on; the breaker does not care."""
    sender = FakeSender({"m-1": KeyError("+16175550123")})

    found = run([delivery(f"m-{number}") for number in range(3)], sender, changes=ONE_THREAD)

    assert codes(found) == {"m-1": ErrorCode.INTERNAL_ERROR}
    assert found["m-1"].route is Route.RETURNED
    assert "6175550123" not in str(found["m-1"].outcome) + capsys.readouterr().out


OPENS = {
    ErrorCode.API_THROTTLED,
    ErrorCode.API_UNAUTHORIZED,
    ErrorCode.API_MISCONFIGURED,
    ErrorCode.API_UNAVAILABLE,
    ErrorCode.API_UNREACHABLE,
    ErrorCode.DEPENDENCY_UNAVAILABLE,
    ErrorCode.OUTCOME_UNKNOWN,
}


@pytest.mark.parametrize("code", ErrorCode)
def test_which_deferrals_open_the_breaker(code: ErrorCode, clock: Clock) -> None:
    """Those that every other message would meet too; the others wait as long as the first was told to."""
    sender = FakeSender({"m-0": Deferred(code, "", retry_after=77)})
    names = [f"m-{number}" for number in range(4)]

    found = run([delivery(name) for name in names], sender, changes=ONE_THREAD)

    if code in OPENS:
        assert sender.sent == ["m-0"]
        assert codes(found) == {"m-0": code, **dict.fromkeys(names[1:], ErrorCode.NOT_ATTEMPTED)}
        assert {one.outcome.retry_after for one in found.values() if isinstance(one.outcome, Deferred)} == {77}
    else:
        assert sender.sent == names


@pytest.mark.parametrize("outcome", [Rejected(ErrorCode.API_REJECTED, ""), Unknown("", earlier=True)])
def test_what_is_decided_does_not_open_the_breaker(outcome: Outcome, clock: Clock) -> None:
    """A refusal is about one message, and what the ledger knows of an earlier attempt about another time."""
    sender = FakeSender({"m-0": outcome})

    run([delivery(f"m-{number}") for number in range(4)], sender, changes=ONE_THREAD)

    assert len(sender.sent) == 4


def test_an_api_that_hangs_opens_the_breaker(clock: Clock) -> None:
    """Each further request without an answer would be one more for a person to look up."""
    sender = FakeSender({"m-0": Unknown("no answer")})
    names = [f"m-{number}" for number in range(4)]

    found = run([delivery(name) for name in names], sender, changes=ONE_THREAD)

    assert sender.sent == ["m-0"]
    assert codes(found) == {"m-0": ErrorCode.OUTCOME_UNKNOWN, **dict.fromkeys(names[1:], ErrorCode.NOT_ATTEMPTED)}


def test_a_retry_that_ran_out_opens_the_breaker_too(clock: Clock) -> None:
    """The API is just as unavailable when the message that found out is dead-lettered for its age."""
    sender = FakeSender({"old": Deferred(ErrorCode.API_UNAVAILABLE, "")})

    found = run([delivery("old", sent_at=START - 86_400), delivery("new")], sender, changes=ONE_THREAD)

    assert codes(found) == {"old": ErrorCode.RETRIES_EXHAUSTED, "new": ErrorCode.NOT_ATTEMPTED}


# --- FIFO -------------------------------------------------------------------------------------------------------------


def groups(*names: str) -> list[Delivery]:
    """`a1` is the first of group `a`."""
    return [delivery(name, name[0]) for name in names]


def of_group(sender: FakeSender, group: str) -> list[str]:
    """What was sent of one group, in order."""
    return [name for name in sender.sent if name[0] == group]


def test_a_group_runs_in_order_and_groups_side_by_side() -> None:
    """Within a group one after the other; the groups meet in the middle."""
    together = threading.Barrier(2, timeout=10)
    sender = FakeSender(before=together.wait)

    run(groups("a1", "b1", "a2", "b2", "b3", "a3"), sender, changes={"send_concurrency": "2"})

    assert of_group(sender, "a") == ["a1", "a2", "a3"]
    assert of_group(sender, "b") == ["b1", "b2", "b3"]


def test_a_group_stops_at_its_first_unfinished_message(clock: Clock) -> None:
    """It and all behind it go back; other groups go on."""
    sender = FakeSender({"a2": Deferred(ErrorCode.IN_PROGRESS, "", retry_after=100)})

    found = run(groups("a1", "b1", "a2", "b2", "a3", "a4"), sender)

    assert of_group(sender, "a") == ["a1", "a2"]
    assert of_group(sender, "b") == ["b1", "b2"]
    assert codes(found) == {
        "a2": ErrorCode.IN_PROGRESS,
        "a3": ErrorCode.NOT_ATTEMPTED,
        "a4": ErrorCode.NOT_ATTEMPTED,
    }


@pytest.mark.parametrize("outcome", [Rejected(ErrorCode.API_REJECTED, ""), Unknown("", earlier=True)])
def test_a_dead_lettered_message_does_not_stop_its_group(outcome: Outcome) -> None:
    """It is where it belongs, and was put there before the next one was sent."""
    router = FakeRouter()
    seen: list[list[str]] = []
    sender = FakeSender({"a1": outcome}, before=lambda: seen.append(list(router.routed)))

    found = run(groups("a1", "a2"), sender, router)

    assert found["a1"].route is Route.DEAD_LETTERED
    assert found["a2"].route is Route.ACKNOWLEDGED
    assert seen == [[], ["a1"]]


def test_a_dead_letter_that_cannot_be_written_stops_its_group() -> None:
    """It stays in the queue, so nothing of its group may overtake it."""
    sender = FakeSender({"a1": Rejected(ErrorCode.API_REJECTED, "")})

    found = run(groups("a1", "a2", "a3"), sender, FakeRouter(stranded={"a1"}))

    assert sender.sent == ["a1"]
    assert found["a1"].route is Route.STRANDED
    assert [found[name].route for name in ("a2", "a3")] == [Route.RETURNED] * 2


def test_a_bug_stops_its_group() -> None:
    """Its message goes back, so those behind it do too."""
    sender = FakeSender({"a1": ValueError("bug")})

    found = run(groups("a1", "a2", "b1"), sender)

    assert codes(found) == {"a1": ErrorCode.INTERNAL_ERROR, "a2": ErrorCode.NOT_ATTEMPTED}


def test_a_retry_that_ran_out_does_not_stop_its_group() -> None:
    """Dead-lettered for its age, it is out of the way."""
    old = [delivery("a1", "a", START - 90_000), delivery("a2", "a", START - 90_000)]
    sender = FakeSender({"a1": Deferred(ErrorCode.IN_PROGRESS, "")})

    found = run(old, sender)

    assert codes(found) == {"a1": ErrorCode.RETRIES_EXHAUSTED}
    assert sender.sent == ["a1", "a2"]
