"""Every status has one outcome, and never another; so has whatever body comes with it."""

import json
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.sociocs.answers import LONGEST_RETRY_AFTER_SECONDS, STATUS_RULES, retry_after
from message_sender.sociocs.client import MAXIMUM_ANSWER_BYTES
from tests.support.fake_api import ERROR, NOW, SUCCESS, outcome_of

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
