"""When a deferred message is tried again: the arithmetic of waits, and the ends of retrying."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from message_sender.envelope import Delivery, QueueRecord, open_event
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.retries import or_exhausted, wait_seconds
from tests.support.builders import message, sqs_event, sqs_record
from tests.support.function_settings import function_settings

HOUR = 3600.0
NOW = 1_790_000_000.0
TWELVE_HOURS = 12 * HOUR
"""SQS: no message is invisible for longer after one receive."""
LONGEST_FUNCTION = 900
"""Lambda: seconds."""
SETTINGS = function_settings()
RETRIED = st.sampled_from([code for code in ErrorCode if code is not ErrorCode.NOT_ATTEMPTED])


def delivery(receives: int = 1, *, age: float = 0, waited: float = 0, name: str = "m-1") -> Delivery:
    """A record first received `age` seconds ago, which waited so many seconds in the queue before."""
    record = QueueRecord("receipt", receives, sent_at=NOW - age - waited, first_received_at=NOW - age)
    return Delivery(name, "sqs", json.dumps(message()), name, message(), record=record)


@given(code=RETRIED, receives=st.integers(1, 10_000), name=st.uuids().map(str))
def test_the_backoff_is_the_designs(code: ErrorCode, receives: int, name: str) -> None:
    """`min(900, 30 * 2**(receives-1))` seconds with jitter in its upper half, and the same each time it is asked."""
    full = min(900, 30 * 2 ** min(receives - 1, 10))
    deferred, one = Deferred(code, ""), delivery(receives, name=name)

    assert full / 2 <= wait_seconds(one, deferred) <= full
    assert wait_seconds(one, deferred) == wait_seconds(one, deferred)


@given(receives=st.integers(1, 10_000))
def test_what_was_not_tried_is_back_sooner(receives: int) -> None:
    """It learnt nothing about the API, so it starts at 5 s; it still backs off, or it would use up its receives."""
    wait = wait_seconds(delivery(receives), Deferred(ErrorCode.NOT_ATTEMPTED, ""))

    assert wait <= min(900, 5 * 2 ** min(receives - 1, 10))
    assert wait >= 2


@given(
    code=st.sampled_from(ErrorCode),
    receives=st.integers(1, 10_000),
    retry_after=st.floats(0, 1e18),
)
def test_a_wait_is_never_below_retry_after_and_always_within_sqs(
    code: ErrorCode, receives: int, retry_after: float
) -> None:
    """Retry-After is honoured up to SQS's 12 h after the receive, less the longest invocation before the wait."""
    wait = wait_seconds(delivery(receives), Deferred(code, "", retry_after))

    assert wait >= min(retry_after, TWELVE_HOURS - LONGEST_FUNCTION)
    assert 0 < wait <= TWELVE_HOURS - LONGEST_FUNCTION


def test_the_jitter_spreads_what_failed_together() -> None:
    """A thousand messages deferred at one moment come back over the whole upper half of the wait, evenly."""
    waits = [wait_seconds(delivery(6, name=f"m-{n}"), Deferred(ErrorCode.API_UNAVAILABLE, "")) for n in range(1000)]

    quarters = [sum(450 + 112.5 * n < wait <= 450 + 112.5 * (n + 1) for wait in waits) for n in range(4)]
    assert min(quarters) > 180
    assert min(waits) >= 450
    assert max(waits) <= 900


FAILED = Deferred(ErrorCode.API_UNAVAILABLE, "Sociocs answered 503")
UNTRIED = Deferred(ErrorCode.NOT_ATTEMPTED, "no time was left")


@pytest.mark.parametrize(
    ("one", "outcome", "why"),
    [
        (delivery(age=24 * HOUR - 1), FAILED, None),
        (delivery(age=24 * HOUR), FAILED, "tried for 24 hours"),
        (delivery(age=1, waited=90 * HOUR), FAILED, None),
        (delivery(age=24 * HOUR), UNTRIED, None),
        (delivery(199), FAILED, None),
        (delivery(200), FAILED, "received 200 times"),
        (delivery(201), UNTRIED, "received 201 times"),
        (delivery(199), UNTRIED, None),
        (delivery(1, waited=94.9 * HOUR), UNTRIED, None),
        (delivery(1, waited=95 * HOUR), UNTRIED, "the queue keeps it no longer"),
        (
            delivery(8, waited=94.9 * HOUR),
            FAILED,
            "the queue keeps it no longer",
        ),  # after the wait it would be too late
    ],
)
def test_the_ends_of_retrying(one: Delivery, outcome: Deferred, why: str | None) -> None:
    """Age since the first receive ends what was tried; the two ends that SQS itself sets end everything."""
    found = or_exhausted(one, outcome, SETTINGS, NOW)

    if why is None:
        assert found is outcome
    else:
        assert found == Rejected(
            ErrorCode.RETRIES_EXHAUSTED, f"{why}; last: {outcome.code}, {outcome.reason}", outcome.code
        )


@pytest.mark.parametrize("outcome", [Accepted("1"), Rejected(ErrorCode.EXPIRED, ""), Unknown("")])
def test_only_deferrals_run_out(outcome: Outcome) -> None:
    """What is decided stays so, however old."""
    assert or_exhausted(delivery(500, age=90 * HOUR), outcome, SETTINGS, NOW) is outcome


def test_a_direct_invocation_does_not_run_out() -> None:
    """It goes to the queue, where its time begins."""
    direct: Any = Delivery("e-1", "eventbridge", "{}", "e-1")

    assert or_exhausted(direct, FAILED, SETTINGS, NOW) is FAILED


def test_receives_outlast_the_longest_retry_hours() -> None:
    """Even if every jitter fell on its lowest, 200 receives take longer than the 24 h at which age ends retrying."""
    fastest = sum(min(900, 30 * 2**n) / 2 for n in range(SETTINGS.maximum_receive_count - 1))

    assert fastest >= 24 * HOUR


@pytest.mark.parametrize(
    ("first_received", "tried_since", "exhausted"),
    [(25, 25, True), (25, 1, False), (1, 25, False), (25, None, True), (1, None, False)],
)
def test_age_counts_from_the_first_real_attempt(
    first_received: float, tried_since: float | None, *, exhausted: bool
) -> None:
    """59 times untried behind its group is no try; and a redriven message begins anew."""
    received = NOW - first_received * HOUR
    (old,) = open_event(sqs_event(sqs_record(message(), sent_at=received, first_received_at=received)))
    since = None if tried_since is None else NOW - tried_since * HOUR

    outcome = or_exhausted(old, replace(FAILED, tried_since=since), SETTINGS, NOW)

    assert isinstance(outcome, Rejected) is exhausted
