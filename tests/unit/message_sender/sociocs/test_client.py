"""Every status and every exception of requests has one outcome, and never another."""

import io
import json
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, ProtocolError, ReadTimeoutError
from urllib3.response import HTTPResponse

from message_sender.connections import Limits
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.sociocs.answers import LONGEST_RETRY_AFTER_SECONDS, STATUS_RULES, retry_after
from message_sender.sociocs.api_key import ApiKey, ApiKeyUnavailableError
from message_sender.sociocs.client import MAXIMUM_ANSWER_BYTES, SociocsClient
from tests.support.clock import FakeClock

BODY = b'{"to":"+16175550123","text":"Hello"}'
SUCCESS = b'{"status":"success","data":{"message_id":"Xyz12345"}}'
ERROR = b'{"status":"error","errors":[{"msg":"Invalid channel_key."}]}'
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@dataclass
class FakeKeys:
    """An apikey that can be refreshed; counts how often."""

    refreshed: int = 0
    missing: bool = False
    good: str = ""

    def get(self) -> ApiKey:
        """See `ApiKeySource.get`."""
        if self.missing:
            raise ApiKeyUnavailableError("the secret is empty")
        return ApiKey("key-0")

    def refresh(self, refused: ApiKey) -> ApiKey:
        """See `ApiKeySource.refresh`."""
        assert refused.generation == self.refreshed
        self.refreshed += 1
        return ApiKey(f"key-{self.refreshed}", self.refreshed)

    def accepted(self, key: ApiKey) -> None:
        """See `ApiKeySource.accepted`."""
        self.good = key.value

    def is_good(self, key: ApiKey) -> bool:
        """See `ApiKeySource.is_good`."""
        return self.good == key.value


@dataclass
class FakeSession:
    """Answers each request with the next of its answers, the last one for ever; an exception is raised."""

    answers: Iterator[Any]
    limits: Limits
    hands_over: bool = True
    """The whole request gets to the network."""
    sent: int = 0
    headers: list[Any] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Answer, or fail."""
        assert request.body == BODY
        self.sent += 1
        self.headers.append(request.headers)
        self.limits.was_sent = self.hands_over
        answer = next(self.answers)
        if isinstance(answer, BaseException):
            raise answer
        status, headers, body = answer
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.raw = HTTPResponse(io.BytesIO(body), headers=headers, status=status, preload_content=False)
        return response


def outcome_of(
    *answers: Any,
    keys: FakeKeys | None = None,
    answer_by: float = float("inf"),
    hands_over: bool = True,
    clock: FakeClock | None = None,
) -> tuple[Outcome, FakeSession]:
    """Send one message to a session that gives these answers."""
    limits = Limits()
    session = FakeSession(iter(answers), limits, hands_over)
    client = SociocsClient(
        "http://127.0.0.1/message",
        keys or FakeKeys(),  # type: ignore[arg-type]  # a fake
        session,  # type: ignore[arg-type]  # a fake
        limits,
        connect_timeout=1,
        read_timeout=1,
        clock=clock or FakeClock(),
    )
    return client.send(BODY, answer_by), session


UNKNOWN = (Unknown, ErrorCode.OUTCOME_UNKNOWN)


def expected(status: int, body: bytes) -> tuple[type[Outcome], ErrorCode | None]:
    """What the design's table says of a status, in the order of its rows."""
    own = body is ERROR
    if status < 200:
        return UNKNOWN  # no final answer
    if status < 300:
        return Accepted, None  # with `status: success` and a message_id
    if status < 400 or status in (405, 407) or (status in (401, 403, 404) and not own):
        return Deferred, ErrorCode.API_MISCONFIGURED
    if status in (401, 403):
        return Deferred, ErrorCode.API_UNAUTHORIZED
    if status in (408, 425, 429):
        return Deferred, ErrorCode.API_THROTTLED
    if status < 500:
        return Rejected, ErrorCode.API_REJECTED
    if body is SUCCESS or (not own and (status == 504 or status >= 512)):
        return UNKNOWN  # a gateway gave up waiting, or the body contradicts the status
    return Deferred, ErrorCode.API_UNAVAILABLE


@pytest.mark.parametrize("body", [SUCCESS, ERROR, b"", b"<html>"], ids=["success", "error", "empty", "html"])
def test_the_whole_range(body: bytes) -> None:
    """Status and body decide; only an apikey that Sociocs itself refused is tried again."""

    def found(status: int) -> tuple[type[Outcome], ErrorCode | None, int]:
        outcome, session = outcome_of(*[(status, {}, body)] * 2)
        return type(outcome), getattr(outcome, "code", None), session.sent

    def right(status: int) -> tuple[type[Outcome], ErrorCode | None, int]:
        kind, code = expected(status, body)
        if kind is Accepted and body is ERROR and status != 204:
            kind, code = Rejected, ErrorCode.API_REJECTED
        elif kind is Accepted and (body is not SUCCESS or status == 204):  # 204 has no body, by definition
            kind, code = Unknown, ErrorCode.OUTCOME_UNKNOWN
        return kind, code, 2 if status in (401, 403) and body is ERROR else 1

    assert {status: found(status) for status in range(100, 600)} == {
        status: right(status) for status in range(100, 600)
    }


def test_every_rule_names_its_source() -> None:
    """Whoever doubts a row can look it up."""
    assert all(rule.source for rule in STATUS_RULES)
    assert {status for rule in STATUS_RULES for status in rule.statuses} == set(range(200, 600))


@pytest.mark.parametrize(
    ("status", "kind", "body", "reason"),
    [
        (403, "text/plain; charset=UTF-8", b"error code: 1010", "403 (text/plain): error code: 1010"),
        (404, "text/html", b"<h1>Not here</h1>", "404 (text/html): <h1>Not here</h1>"),
        (401, "", b"go away", "401 (no content type): go away"),
        (405, "application/json", b'{"message":"Missing Authentication Token"}', "405 (application/json): "),
        (503, "text/html", b"  ", "503 with an empty or broken body"),
        (502, "x" * 99, b"call +1 617 555 0123", "502 (no content type): call ***"),
    ],
)
def test_an_answer_of_somebody_else_says_so(status: int, kind: str, body: bytes, reason: str) -> None:
    """A gateway, a firewall, a proxy: nobody is sent to rotate the apikey, and its answer is redacted too."""
    outcome, session = outcome_of((status, {"Content-Type": kind} if kind else {}, body))

    assert isinstance(outcome, Deferred)
    assert outcome.code is not ErrorCode.API_UNAUTHORIZED
    assert outcome.reason.startswith(f"not Sociocs's API but something before it answered {reason}")
    assert session.sent == 1


def test_a_403_about_one_message_is_a_refusal() -> None:
    """Sociocs has taken another message with the same apikey, so that the apikey is not at fault."""
    outcome, _ = outcome_of((403, {}, ERROR), (403, {}, ERROR), keys=FakeKeys(good="key-1"))

    assert isinstance(outcome, Rejected)
    assert outcome.code is ErrorCode.API_REJECTED


def test_a_template_that_is_not_found_is_a_refusal() -> None:
    """Sociocs's own 404 is about this message: nothing about the address is wrong."""
    said = b'{"status":"error","errors":[{"msg":"Template not found."}]}'
    outcome, _ = outcome_of((404, {}, said))

    assert outcome == Rejected(ErrorCode.API_REJECTED, "Sociocs answered 404: Template not found.")


@pytest.mark.parametrize("code", ["63016", "21211", "21610", "131047"])
def test_a_providers_error_code_can_be_read(code: str) -> None:
    """It is what one looks up. A phone number has 7 digits or more."""
    said = json.dumps({"status": "error", "errors": [{"msg": f"Twilio error {code}: not allowed for +16175550123"}]})
    outcome, _ = outcome_of((400, {}, said.encode()))

    assert outcome == Rejected(
        ErrorCode.API_REJECTED, f"Sociocs answered 400: Twilio error {code}: not allowed for ***"
    )


def test_the_request_says_who_sends_it() -> None:
    """Gateways refuse the names of HTTP libraries."""
    _, session = outcome_of((200, {}, SUCCESS))

    assert session.headers[0]["User-Agent"].startswith("sociocs-message-sender/")
    assert "+https://" in session.headers[0]["User-Agent"]


@pytest.mark.parametrize(("length", "kind"), [(256, Accepted), (257, Unknown), (500_000, Unknown)])
def test_a_message_id_that_cannot_be_remembered(length: int, kind: type[Outcome]) -> None:
    """DynamoDB takes 400 kB, and nobody reads such an id."""
    assert type(outcome_of((200, {}, _objects({"message_id": "x" * length})))[0]) is kind


@pytest.mark.parametrize("status", [0, 99, 600, 999])
def test_a_status_that_does_not_exist(status: int) -> None:
    """What HTTP does not know says nothing about the message."""
    assert type(outcome_of((status, {}, SUCCESS))[0]) is Unknown


def _objects(data: Any) -> bytes:
    return json.dumps({"status": "success", "data": data}).encode()


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        (_objects({"message_id": "Xyz12345"}), "Xyz12345"),
        (_objects({"message_id": 12345, "more": None}), "12345"),
        (_objects({"message_id": "Zoë"}), "Zoë"),
        (b'\n {"data": {"message_id": "a"}, "status": "success", "errors": []} \n', "a"),
        (b"\xef\xbb\xbf" + SUCCESS, "Xyz12345"),
        (SUCCESS.decode().encode("utf-16"), "Xyz12345"),
    ],
)
def test_a_200_that_is_a_success(body: bytes, message_id: str) -> None:
    """A success is one in any spelling that JSON allows."""
    assert outcome_of((200, {}, body))[0] == Accepted(message_id)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"success"',
        b"{}",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        SUCCESS[:-2],
        b'{"status":"success"}',
        _objects(None),
        _objects([]),
        _objects("Xyz12345"),
        _objects({}),
        _objects({"message_id": None}),
        _objects({"message_id": ""}),
        _objects({"message_id": "  "}),
        _objects({"message_id": ["Xyz12345"]}),
        b'{"data":{"message_id":"Xyz12345"}}',
        b'{"status":"SUCCESS!","data":{"message_id":"Xyz12345"}}',
        b" " * (MAXIMUM_ANSWER_BYTES + 1) + SUCCESS,
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_200_that_says_nothing(body: bytes) -> None:
    """Neither success nor error: nobody knows, so it is not sent again."""
    assert type(outcome_of((200, {}, body))[0]) is Unknown


@pytest.mark.parametrize(
    "body",
    [
        ERROR,
        b'{"status":"error"}',
        b'{"status":"error","errors":null}',
        b'{"status":"error","errors":"x"}',
        b'{"status":"error","errors":[null,1,{"msg":2},{}]}',
        b'{"status":"error","data":{"message_id":"Xyz12345"}}',
    ],
)
def test_a_200_that_is_an_error(body: bytes) -> None:
    """A refusal in a 200 is a refusal."""
    outcome, _ = outcome_of((200, {}, body))

    assert isinstance(outcome, Rejected)
    assert outcome.code is ErrorCode.API_REJECTED


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


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("Mon, 23 Nov 2026 10:02:00 GMT", 120),
        ("Monday, 23-Nov-26 10:02:00 GMT", 120),  # RFC 850
        ("Mon Nov 23 10:02:00 2026", 120),  # asctime
        ("Mon, 23 Nov 2026 11:02:00 +0100", 120),
        ("Mon, 23 Nov 2026 09:00:00 GMT", 0),  # past
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("soon", None),
        ("", None),
        ("١٢٠", None),  # digits, but not ASCII's
        ("Mon, 99 Nov 2026 10:02:00 GMT", None),
        ("120, 60", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds and the three forms of an HTTP-date; anything else says nothing."""
    assert retry_after(header, NOW) == seconds


@pytest.mark.parametrize("header", ["30000", "1795428000", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_a_huge_retry_after_is_a_number(header: str) -> None:
    """Nothing overflows, and nobody waits longer than a quarter of an hour: no one can take the message back."""
    assert retry_after(header, NOW) == LONGEST_RETRY_AFTER_SECONDS == 900


@given(header=st.text(max_size=60) | st.from_regex(r"[A-Z][a-z]{2}, ?\d+ [A-Z][a-z]{2} \d+ \d+:\d+:\d+ [A-Z+-]*\d*"))
def test_no_retry_after_raises(header: str) -> None:
    """A header is the API's, so it may be anything."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        seconds = retry_after(header, NOW)

    assert seconds is None or seconds >= 0


@pytest.mark.parametrize("status", [401, 403, 404, 302, 408, 425, 429, 500, 503, 511])
def test_retry_after_is_kept_with_every_deferral(status: int) -> None:
    """Whatever the API deferred for, it may say for how long."""
    outcome, _ = outcome_of(*[(status, {"retry-after": "77"}, b"")] * 2)

    assert isinstance(outcome, Deferred)
    assert outcome.retry_after == 77
