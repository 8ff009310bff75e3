"""Threads, pace, breaker and order of one batch, with a clock and a sender that tests hold in their hands."""

import threading
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from message_sender.batch import RESERVE_SECONDS, Batch
from message_sender.envelope import Delivery, QueueRecord
from message_sender.observability import Observer
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Route, Unknown
from message_sender.pace import DOUBTFUL, FIRST_OPEN_SECONDS, TRIPPING, Gate
from message_sender.routing import Routed
from message_sender.settings import Settings
from tests.support.clock import START, FakeClock
from tests.support.function_settings import function_settings

ONE_THREAD = {"send_concurrency": "1"}


@pytest.fixture
def clock() -> FakeClock:
    """The batch's only clock."""
    return FakeClock()


def settings(**changes: str) -> Settings:
    """Settings whose attempts take up to 3 s: connecting, handing over, the answer."""
    return function_settings(**{"connect_timeout_seconds": "1", "read_timeout_seconds": "1"} | changes)


def delivery(name: str, group: str | None = None, sent_at: float = START) -> Delivery:
    """A delivery from the queue; its content is of no interest here."""
    record = QueueRecord(f"receipt-{name}", 1, sent_at, sent_at, group)
    return Delivery(name, "sqs", "{}", name, {}, record=record)


@dataclass
class FakeSender:
    """Asks for admission as the real one does, and then gives each message the outcome that was set for it."""

    outcomes: dict[str, Outcome | Exception] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    clock: FakeClock | None = None
    before: Callable[[], object] = bool

    freed: int = 0

    def send(self, delivery: Delivery, gate: Gate, **_: float) -> Outcome:
        """See `Sender.send`."""
        if refusal := gate.admit():
            return refusal
        outcome: Outcome | None = None
        try:
            self.before()
            self.sent.append(delivery.id)
            self.at.append(self.clock.now - START if self.clock else 0)
            found = self.outcomes.get(delivery.id, Accepted("1"))
            if isinstance(found, Exception):
                raise found
            outcome = found
        finally:
            gate.leave(outcome)
        return outcome

    def free_left_over(self) -> None:
        """See `Sender.free_left_over`."""
        self.freed += 1


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


def a_batch(
    sender: FakeSender,
    router: "FakeRouter | None" = None,
    changes: dict[str, str] | None = None,
) -> Batch:
    """Wire one with fakes."""
    observer = Observer(namespace="test", service=f"test-{uuid.uuid4().hex}")
    fake_sender: Any = sender
    fake_router: Any = router or FakeRouter()
    return Batch(fake_sender, fake_router, settings(**changes or {}), observer, sender.clock or FakeClock())


def run(
    deliveries: Sequence[Delivery],
    sender: FakeSender,
    router: FakeRouter | None = None,
    seconds_left: float = 60,
    changes: dict[str, str] | None = None,
) -> dict[str, Routed]:
    """Run one batch; what became of each delivery."""
    batch = a_batch(sender, router, changes)
    routed = [result for results in batch.run(deliveries, seconds_left) for result in results]
    assert sorted(one.delivery.id for one in routed) == sorted(one.id for one in deliveries)
    return {one.delivery.id: one for one in routed}


def codes(routed: dict[str, Routed]) -> dict[str, str]:
    """Error codes of what was not accepted."""
    return {name: one.outcome.code for name, one in routed.items() if not isinstance(one.outcome, Accepted)}


# --- pace -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("overall", "instances", "share"), [("0", "10", 0), ("10", "10", 1), ("5", "10", 0.5), ("100", "2", 50)]
)
def test_each_instance_takes_its_share(overall: str, instances: str, share: float) -> None:
    """Together they stay within the limit, whatever the number of instances at work."""
    assert settings(max_sends_per_second=overall, maximum_concurrency=instances).sends_per_second == share


def test_a_batch_keeps_the_pace(clock: FakeClock) -> None:
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


def test_the_pace_outlives_the_batch(clock: FakeClock) -> None:
    """Small batches one after the other are no faster than a large one."""
    sender = FakeSender(clock=clock)
    one = a_batch(sender, changes={"max_sends_per_second": "1", "maximum_concurrency": "1"})

    for number in range(4):
        list(one.run([delivery(f"m-{number}")], 60))

    assert sender.at[0] <= 1
    assert [round(later - before, 6) for before, later in pairwise(sender.at)] == [1] * 3


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds_left", "sent"), [(RESERVE_SECONDS + 3, 1), (RESERVE_SECONDS + 2.9, 0), (0, 0), (-5, 0)]
)
def test_nothing_starts_that_could_outlast_the_function(clock: FakeClock, seconds_left: float, sent: int) -> None:
    """An attempt may take 3 s here, and the reserve is for what comes after."""
    sender = FakeSender()

    found = run([delivery("m")], sender, seconds_left=seconds_left)

    assert len(sender.sent) == sent
    assert codes(found) == ({} if sent else {"m": ErrorCode.NOT_ATTEMPTED})


def test_slow_sends_leave_the_rest_untried(clock: FakeClock) -> None:
    """Each send takes 3 s: those whose turn comes too late are not begun."""
    sender = FakeSender(clock=clock, before=lambda: clock.sleep(3))
    names = [f"m-{number}" for number in range(9)]

    found = run([delivery(name) for name in names], sender, seconds_left=9 + RESERVE_SECONDS, changes=ONE_THREAD)

    assert len(sender.sent) == 3  # at 0, 3 and 6 s; 9 - 3 is the latest
    assert set(codes(found).values()) == {ErrorCode.NOT_ATTEMPTED}


def test_the_oldest_goes_first(clock: FakeClock) -> None:
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


def test_which_codes_open_the_breaker() -> None:
    """At once what is true of every message; the second time in a row what may be true of one only."""
    assert {
        ErrorCode.API_THROTTLED,
        ErrorCode.API_UNAVAILABLE,
        ErrorCode.API_UNREACHABLE,
        ErrorCode.OUTCOME_UNKNOWN,
    } == TRIPPING
    assert {
        ErrorCode.API_UNAUTHORIZED,
        ErrorCode.API_MISCONFIGURED,
        ErrorCode.DEPENDENCY_UNAVAILABLE,
    } == DOUBTFUL


@pytest.mark.parametrize("code", ErrorCode)
def test_which_deferrals_open_the_breaker(code: ErrorCode, clock: FakeClock) -> None:
    """Those that every other message would meet too; the others wait as long as the first was told to."""
    sender = FakeSender({"m-0": Deferred(code, "", retry_after=77)})
    names = [f"m-{number}" for number in range(4)]

    found = run([delivery(name) for name in names], sender, changes=ONE_THREAD)

    if code in TRIPPING:
        assert sender.sent == ["m-0"]
        assert codes(found) == {"m-0": code, **dict.fromkeys(names[1:], ErrorCode.NOT_ATTEMPTED)}
        assert {one.outcome.retry_after for one in found.values() if isinstance(one.outcome, Deferred)} == {77}
    else:
        assert sender.sent == names


@pytest.mark.parametrize("code", sorted(DOUBTFUL))
def test_a_second_message_confirms_a_doubt(code: ErrorCode) -> None:
    """A 403 of a firewall for one text stops nobody; the same for two messages in a row stops all."""
    sender = FakeSender({name: Deferred(code, "") for name in ("m-1", "m-3", "m-4")})
    names = [f"m-{number}" for number in range(7)]

    found = run([delivery(name) for name in names], sender, changes=ONE_THREAD)

    assert sender.sent == names[:5]
    assert codes(found)["m-5"] == codes(found)["m-6"] == ErrorCode.NOT_ATTEMPTED


def test_the_breaker_outlives_the_batch_and_closes_slowly() -> None:
    """A hanging API costs one unknown outcome a batch, not one for each place."""
    clock = FakeClock()
    hanging = FakeSender({f"m-{number}": Unknown("no answer") for number in range(100)}, clock=clock)
    batch = a_batch(hanging, changes=ONE_THREAD)

    def one_batch(first: int) -> list[str]:
        before = len(hanging.sent)
        list(batch.run([delivery(f"m-{first + number}") for number in range(10)], 60))
        return hanging.sent[before:]

    assert one_batch(0) == ["m-0"]
    assert one_batch(10) == [], "it is open"
    clock.now += FIRST_OPEN_SECONDS
    assert one_batch(20) == ["m-20"], "one message goes first"
    clock.now += FIRST_OPEN_SECONDS
    assert one_batch(30) == [], "it is open for twice as long"
    clock.now += FIRST_OPEN_SECONDS
    hanging.outcomes.clear()
    assert len(one_batch(40)) == 10, "it is closed"


@pytest.mark.parametrize("outcome", [Rejected(ErrorCode.API_REJECTED, ""), Unknown("", earlier=True)])
def test_what_is_decided_does_not_open_the_breaker(outcome: Outcome, clock: FakeClock) -> None:
    """A refusal is about one message, and what the ledger knows of an earlier attempt about another time."""
    sender = FakeSender({"m-0": outcome})

    run([delivery(f"m-{number}") for number in range(4)], sender, changes=ONE_THREAD)

    assert len(sender.sent) == 4


def test_an_api_that_hangs_opens_the_breaker(clock: FakeClock) -> None:
    """Each further request without an answer would be one more for a person to look up."""
    sender = FakeSender({"m-0": Unknown("no answer")})
    names = [f"m-{number}" for number in range(4)]

    found = run([delivery(name) for name in names], sender, changes=ONE_THREAD)

    assert sender.sent == ["m-0"]
    assert codes(found) == {"m-0": ErrorCode.OUTCOME_UNKNOWN, **dict.fromkeys(names[1:], ErrorCode.NOT_ATTEMPTED)}


def test_a_retry_that_ran_out_opens_the_breaker_too(clock: FakeClock) -> None:
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


def test_a_group_stops_at_its_first_unfinished_message(clock: FakeClock) -> None:
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


# --- nothing runs on --------------------------------------------------------------------------------------------------


@dataclass
class BrokenRouter(FakeRouter):
    """Raises what no AWS error is for the messages that are set."""

    broken: set[str] = field(default_factory=set)

    def route(self, pairs: Sequence[tuple[Delivery, Outcome]], ends: float) -> list[Routed]:
        """See `Router.route`."""
        if self.broken & {delivery.id for delivery, _ in pairs}:
            raise RuntimeError("a bug, or an answer that nobody can parse")
        return super().route(pairs, ends)


def test_a_group_that_cannot_be_routed_touches_no_other() -> None:
    """Its messages stay in the queue; the other group goes on, and is over when the batch is."""
    sender = FakeSender({"a1": Rejected(ErrorCode.API_REJECTED, "")})

    found = run(groups("a1", "b1", "a2", "b2"), sender, BrokenRouter(broken={"a1"}))

    assert [found[name].route for name in ("a1", "a2")] == [Route.STRANDED, Route.RETURNED]
    assert [found[name].route for name in ("b1", "b2")] == [Route.ACKNOWLEDGED] * 2


def test_messages_that_cannot_be_routed_stay() -> None:
    """A bug in routing strands them: each is delivered again."""
    found = run([delivery("m-0"), delivery("m-1")], FakeSender(), BrokenRouter(broken={"m-0"}))

    assert {one.route for one in found.values()} == {Route.STRANDED}


def test_nothing_runs_on_when_the_reader_stops_early() -> None:
    """Whoever takes only the first results leaves no thread behind that goes on sending."""
    release = threading.Event()
    slow = iter([False, True])
    sender = FakeSender(before=lambda: release.wait(10) if next(slow) else None)
    batch = a_batch(sender, changes={"send_concurrency": "2"})
    results = batch.run([delivery("a"), delivery("b")], 60)

    next(results)
    threading.Timer(0.1, release.set).start()
    results.close()  # type: ignore[attr-defined]  # a generator

    assert sorted(sender.sent) == ["a", "b"], "the slow one is over when the batch is"


def test_dead_letters_do_not_wait_for_a_slow_message() -> None:
    """They are written as soon as a call is full, or nothing else ends for a moment."""
    slow = threading.Event()
    sender = FakeSender({f"m-{number}": Rejected(ErrorCode.API_REJECTED, "") for number in range(12)})
    router = FakeRouter()
    names = ["slow", *(f"m-{number}" for number in range(12))]

    def before() -> None:
        if threading.current_thread().name.endswith("_0"):  # has the first message, and no other before it is over
            assert slow.wait(10)

    sender.before = before
    batch = a_batch(sender, router, changes={"send_concurrency": "4"})
    results = batch.run([delivery(name, sent_at=START + names.index(name)) for name in names], 60)

    early: list[str] = []
    while len(early) < 12:
        early += [result.delivery.id for result in next(results)]
    slow.set()
    late = [result.delivery.id for routed in results for result in routed]

    assert sorted(early + late) == sorted(names)
    assert late == ["slow"]


@pytest.mark.parametrize("alone", [True, False])
def test_what_could_not_be_freed_is_freed_around_each_batch(*, alone: bool) -> None:
    """Before the first message and after the last."""
    sender = FakeSender()

    run([delivery("m-0")] if alone else [delivery("m-0"), delivery("m-1")], sender)

    assert sender.freed == 2
