"""What becomes of the key when sending ends otherwise than with an outcome."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from message_sender.envelope import open_event
from message_sender.ledger import Begun, EarlierUnknown, Entry, Found
from message_sender.observability import Observer
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.pace import Breaker, Gate, Pace
from message_sender.sending import Sender
from tests.support.builders import message, sqs_event, sqs_record, text_attribute
from tests.support.clock import START, FakeClock
from tests.support.function_settings import function_settings

SETTINGS = function_settings()
PAST = "2020-01-01T00:00:00Z"


@dataclass
class FakeClient:
    """A client that ends as it is told; the thread has sent something before."""

    ends: Outcome | BaseException
    sends: bool = False
    request_was_sent: bool = True

    def begin(self) -> None:
        """See `SociocsClient.begin`."""
        self.request_was_sent = False

    def send(self, _body: bytes, _answer_by: float) -> Outcome:
        """End."""
        self.request_was_sent = self.sends
        if isinstance(self.ends, BaseException):
            raise self.ends
        return self.ends


@dataclass
class FakeLedger:
    """Notes what it was told."""

    finds: Begun | Found | None = None
    told: list[str] = field(default_factory=list)
    is_clogged: bool = False

    def begin(self, _entry: Entry, now: float, _until: float) -> Begun | Found:
        """See `Ledger.begin`."""
        self.told.append("begin")
        return self.finds or Begun(now - 100)

    def look(self, _entry: Entry, _now: float) -> Found | None:
        """See `Ledger.look`."""
        return self.finds if not isinstance(self.finds, Begun) else None

    def __getattr__(self, name: str) -> Any:
        return lambda *_: self.told.append(name)


def send(client: FakeClient, ledger: FakeLedger, gate: Gate | None = None, **changes: Any) -> Outcome:
    """Send one message."""
    clock = FakeClock()
    attributes = {name: text_attribute(value) for name, value in changes.pop("attributes", {}).items()}
    (delivery,) = open_event(sqs_event(sqs_record(message(**changes), attributes=attributes)))
    sender = Sender(cast(Any, client), cast(Any, ledger), SETTINGS, Observer(service="sending"), clock)
    return sender.send(
        delivery, gate or Gate(Pace(0), Breaker(1), float("inf"), clock), answer_by=float("inf"), over_at=START + 60
    )


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyboardInterrupt()])
@pytest.mark.parametrize(("sends", "told"), [(False, "release"), (True, "finish_unknown")])
def test_whatever_is_raised_only_the_request_counts(error: BaseException, sends: bool, told: str) -> None:  # noqa: FBT001
    """Nothing was sent: the key is free. It was sent: nobody knows, and that at once, not after the deadline."""
    ledger = FakeLedger()

    with pytest.raises(type(error)):
        send(FakeClient(error, sends=sends), ledger)

    assert ledger.told == ["begin", told]


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        (Accepted("1"), "finish_accepted"),
        (Unknown("no answer"), "finish_unknown"),
        (Rejected(ErrorCode.API_REJECTED, ""), "release"),
        (Deferred(ErrorCode.NOT_ATTEMPTED, ""), "release"),
        (Deferred(ErrorCode.API_THROTTLED, ""), "postpone"),
        (Deferred(ErrorCode.DEPENDENCY_UNAVAILABLE, ""), "postpone"),
    ],
)
def test_each_outcome_ends_the_attempt(outcome: Outcome, told: str) -> None:
    """Accepted and unknown are remembered, a try is, and nothing is of what was not tried."""
    ledger = FakeLedger()

    found = send(FakeClient(outcome), ledger)

    assert ledger.told == ["begin", told]
    assert getattr(found, "tried_since", None) == (START - 100 if told == "postpone" else None)


def test_an_unknown_outcome_says_when_it_was_tried() -> None:
    """A person looks in Sociocs at that moment, not where the message was first seen."""
    outcome = send(FakeClient(Unknown("no answer")), FakeLedger())

    assert isinstance(outcome, Unknown)
    assert outcome.attempted_at == START
    assert outcome.attempt


def test_nothing_begins_while_too_much_is_left_over() -> None:
    """Each attempt that cannot be written down would be one more that reads as dead."""
    ledger = FakeLedger(is_clogged=True)

    outcome = send(FakeClient(Accepted("1")), ledger)

    assert isinstance(outcome, Deferred)
    assert outcome.code is ErrorCode.DEPENDENCY_UNAVAILABLE
    assert ledger.told == []


@pytest.mark.parametrize(
    ("named", "code"), [("a", ErrorCode.EXPIRED), ("b", ErrorCode.OUTCOME_UNKNOWN), (None, ErrorCode.OUTCOME_UNKNOWN)]
)
def test_an_expired_message_whose_unknown_outcome_was_decided(named: str | None, code: ErrorCode) -> None:
    """Decided by a person, it is too late for it now. Otherwise it may have been sent before, and nobody knows."""
    attributes = {"RESEND_ATTEMPT": named} if named else {}
    ledger = FakeLedger(EarlierUnknown("a", START - 3600))

    outcome = send(FakeClient(Accepted("1")), ledger, metadata={"expires_at": PAST}, attributes=attributes)

    assert not isinstance(outcome, Accepted)
    assert outcome.code is code
    assert ledger.told == []


def test_the_place_is_given_back_whatever_happens() -> None:
    """A bug does not leave the breaker with one place less."""
    breaker = Breaker(1)
    for _ in range(3):
        gate = Gate(Pace(0), breaker, float("inf"))
        with pytest.raises(RuntimeError):
            send(FakeClient(RuntimeError("a bug")), FakeLedger(), gate)

    assert breaker.enter(0) is None
