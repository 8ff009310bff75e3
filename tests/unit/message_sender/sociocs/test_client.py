"""The apikey, the time that is left, and whatever breaks on the way to the API and back."""

from collections.abc import Callable

import pytest
import requests
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, ProtocolError, ReadTimeoutError

from message_sender.outcome import Accepted, Deferred, ErrorCode, Rejected, Unknown
from tests.support.clock import FakeClock
from tests.support.fake_api import ERROR, SUCCESS, FakeKeys, outcome_of


def exceptions_of_requests() -> list[type[Exception]]:
    """Every exception class that requests has; its warnings are no exceptions to raise."""
    found = {value for value in vars(requests.exceptions).values() if isinstance(value, type)}
    return sorted(
        (kind for kind in found if issubclass(kind, requests.RequestException) and not issubclass(kind, Warning)),
        key=lambda kind: kind.__name__,
    )


def _raised(kind: type[Exception]) -> Exception:
    return (
        kind("no", "document", 0)
        if issubclass(kind, requests.exceptions.JSONDecodeError)
        else kind("said +16175550123")
    )


def test_no_exception_of_requests_is_forgotten() -> None:
    """The list is not empty and holds those that matter most."""
    names = {kind.__name__ for kind in exceptions_of_requests()}

    assert len(names) >= 20
    assert {"ConnectTimeout", "ReadTimeout", "SSLError", "ProxyError", "ChunkedEncodingError", "InvalidURL"} <= names


OTHERS: list[Callable[[], Exception]] = [
    lambda: ConnectTimeoutError("timed out"),
    lambda: ReadTimeoutError(None, "/message", "timed out"),  # type: ignore[arg-type]  # has no pool here
    lambda: MaxRetryError(None, "/message", OSError("refused")),  # type: ignore[arg-type]  # has no pool here
    lambda: ProtocolError("Connection aborted.", ConnectionResetError(104, "reset")),
    lambda: TimeoutError("timed out"),
    lambda: BrokenPipeError(32, "broken pipe"),
    lambda: requests.ConnectionError(ProtocolError("aborted", ConnectionResetError(104, "reset"))),
]


@pytest.mark.parametrize("sent", [False, True], ids=["before-it-was-sent", "after-it-was-sent"])
@pytest.mark.parametrize(
    "make",
    [*[lambda kind=kind: _raised(kind) for kind in exceptions_of_requests()], *OTHERS],
    ids=[*[kind.__name__ for kind in exceptions_of_requests()], *[f"other-{n}" for n in range(len(OTHERS))]],
)
def test_an_exception(make: Callable[[], Exception], *, sent: bool) -> None:
    """Whatever broke, only one thing counts: whether the request had gone out. The error's words stay inside."""
    outcome, session = outcome_of(make(), hands_over=sent)

    assert isinstance(outcome, Unknown if sent else Deferred)
    assert outcome.code is (ErrorCode.OUTCOME_UNKNOWN if sent else ErrorCode.API_UNREACHABLE)
    assert "6175550123" not in str(outcome)
    assert session.sent == 1


def test_a_403_about_one_message_is_a_refusal() -> None:
    """Sociocs has taken another message with the same apikey, so that the apikey is not at fault."""
    outcome, _ = outcome_of((403, {}, ERROR), (403, {}, ERROR), keys=FakeKeys(good="key-1"))

    assert isinstance(outcome, Rejected)
    assert outcome.code is ErrorCode.API_REJECTED


def test_the_request_says_who_sends_it() -> None:
    """Gateways refuse the names of HTTP libraries."""
    _, session = outcome_of((200, {}, SUCCESS))

    assert session.headers[0]["User-Agent"].startswith("sociocs-message-sender/")
    assert "+https://" in session.headers[0]["User-Agent"]


def test_a_refused_apikey_is_refreshed_once() -> None:
    """The second refusal stands."""
    keys = FakeKeys()

    outcome, session = outcome_of((401, {}, ERROR), (403, {}, ERROR), keys=keys)

    assert isinstance(outcome, Deferred)
    assert outcome.code is ErrorCode.API_UNAUTHORIZED
    assert (keys.refreshed, session.sent) == (1, 2)


def test_a_refreshed_apikey_is_used() -> None:
    """A rotated apikey costs one request more."""
    outcome, session = outcome_of((401, {}, ERROR), (200, {}, SUCCESS))

    assert outcome == Accepted("Xyz12345")
    assert session.sent == 2


def test_no_second_try_without_time_for_it() -> None:
    """A refused apikey is not tried again when the try might outlast the function; it is new for the next message."""
    keys = FakeKeys()
    clock = FakeClock(ticks=1.0)  # each look at it is a second later

    outcome, session = outcome_of((401, {}, ERROR), keys=keys, answer_by=clock.now + 4, clock=clock)

    assert isinstance(outcome, Deferred)
    assert outcome.code is ErrorCode.API_UNAUTHORIZED
    assert (keys.refreshed, session.sent) == (1, 1)


def test_no_first_try_without_time_for_it() -> None:
    """The apikey may have been long in coming."""
    outcome, session = outcome_of((200, {}, {}), answer_by=0)

    assert isinstance(outcome, Deferred)
    assert outcome.code is ErrorCode.NOT_ATTEMPTED
    assert session.sent == 0


def test_without_an_apikey_nothing_is_sent() -> None:
    """No request goes out, and the reason says what to do."""
    outcome, session = outcome_of(keys=FakeKeys(missing=True))

    assert outcome == Deferred(ErrorCode.DEPENDENCY_UNAVAILABLE, "the secret is empty")
    assert session.sent == 0
