"""Each row of the design's table of outcomes, by its words, through the whole function and real queues and tables."""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from message_sender.contract.message import forwarded
from message_sender.ledger import Begun, Entry, Found, Ledger, LedgerUnavailableError
from message_sender.outcome import ErrorCode
from tests.support.builders import eventbridge_event, message, sns_notification
from tests.support.mapping import Mapping, letters
from tests.support.world import FakeContext, World

HOUR = 3600
KEYED = {"idempotency_key": "order-1001-shipped"}
PAST, AHEAD = "2020-01-01T00:00:00Z", "2120-01-01T00:00:00Z"
NOT_FOUND = {"message": "Not Found"}
ACCEPTED = {"status": "success", "data": {"message_id": "Xyz12345"}}


def nothing(world: World) -> None:
    """The API behaves as documented."""


def answers(status: int, body: Any = None, **headers: str) -> Callable[[World], None]:
    """The API gives this answer to everything."""

    def script(world: World) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        world.sociocs.rule(status=status, body=body, headers=names)

    return script


def throttled_for(seconds: float) -> Callable[[World], None]:
    """The API answers 429 to everything, with the moment in so many seconds as Retry-After."""

    def script(world: World) -> None:
        # Now, not when this file was read: other tests may have run for minutes in between.
        moment = datetime.now(UTC) + timedelta(seconds=seconds)
        answers(429, Retry_After=format_datetime(moment, usegmt=True))(world)

    return script


def begun_elsewhere(until: float, state: str = "sending", text: str | None = None) -> Callable[[World], None]:
    """Another execution environment has begun to send the message with the key of `KEYED`."""

    def script(world: World) -> None:
        table = Ledger(world.client("dynamodb"), world.name, 15, resend_unknown=False)
        body = forwarded(message(text=text) if text else message(), None)
        entry, now = Entry.of(KEYED["idempotency_key"], body, "elsewhere"), time.time()
        table.begin(entry, now, now + until)
        if state == "accepted":
            table.finish_accepted(entry, "Xyz12345")
        if state == "unknown":
            table.finish_unknown(entry)

    return script


def tried_a_day_ago(world: World) -> None:
    """The API was down a day ago, and is down still."""
    table = Ledger(world.client("dynamodb"), world.name, 15, resend_unknown=False)
    entry = Entry.of(KEYED["idempotency_key"], forwarded(message(), None), "elsewhere")
    then = time.time() - 25 * HOUR
    table.begin(entry, then, then + 60)
    table.postpone(entry, Begun(then))
    answers(503)(world)


def secret(value: str | None) -> Callable[[World], None]:
    """The secret holds this, or is gone."""

    def script(world: World) -> None:
        secrets = world.client("secretsmanager")
        if value is None:
            secrets.delete_secret(SecretId=world.name, ForceDeleteWithoutRecovery=True)
        else:
            secrets.put_secret_value(SecretId=world.name, SecretString=value)

    return script


def no_table(world: World) -> None:
    """DynamoDB does not know the table."""
    world.client("dynamodb").delete_table(TableName=world.name)


def wrong_apikey(world: World) -> None:
    """Sociocs knows other apikeys than the secret's."""
    world.sociocs.set_apikeys(["another:key"])


def lost_answer(world: World) -> None:
    """The request is accepted and the connection lost instead of an answer."""
    world.sociocs.rule(drop="after-reading", accept=True)


def slow(world: World) -> None:
    """The answer comes after the read timeout."""
    world.sociocs.rule(delay_seconds=1, accept=True, status=200, body=ACCEPTED, times=1)


@dataclass(frozen=True)
class Row:
    """One row: what happens, and what comes of it."""

    happens: str
    given: Callable[[World], None] = nothing
    body: Any = field(default_factory=message)
    route: str = "acknowledged"
    code: str | None = None
    """On the dead letter, or of the deferral in the log."""
    requests: int = 1
    waits: tuple[float, float] = (15, 30)
    """Between these, when it goes back: first receive, jitter in the upper half of 30 s."""
    system: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    last_code: str | None = None


def milliseconds_ago(seconds: float) -> str:
    """As SQS says when something was."""
    return str(int((time.time() - seconds) * 1000))


DEAD, BACK = "dead-lettered", "returned"
EMPTY_PORT = {"sociocs_base_url": "http://127.0.0.1:1"}
NO_NAME = {"sociocs_base_url": "http://sociocs.invalid"}
SOON = {"read_timeout_seconds": "0.3"}
TRIED_OUT = {"ApproximateFirstReceiveTimestamp": milliseconds_ago(24 * HOUR)}
OLD = {"ApproximateFirstReceiveTimestamp": milliseconds_ago(30 * HOUR)}
"""Handed back untried until now, behind its group."""
LAST_RECEIVE = {"ApproximateReceiveCount": "200"}
NEAR_ITS_END = {"SentTimestamp": milliseconds_ago(95.5 * HOUR)}

ROWS = [
    Row("200 with status success and a message_id"),
    Row("body is not JSON", body='{"to": ', route=DEAD, code="INVALID_MESSAGE", requests=0),
    Row("body is not a message", body={"to": "+16175550123"}, route=DEAD, code="INVALID_MESSAGE", requests=0),
    Row("an unknown envelope", body={"Records": [message()]}, route=DEAD, code="INVALID_MESSAGE", requests=0),
    Row("an event without a message", body=eventbridge_event(None), route=DEAD, code="INVALID_MESSAGE", requests=0),
    Row(
        "a notification without a message",
        body=sns_notification("Hello"),
        route=DEAD,
        code="INVALID_MESSAGE",
        requests=0,
    ),
    Row(
        "an event whose id is no text",
        body=eventbridge_event(message(), id="\ud800x"),
        route=DEAD,
        code="INVALID_MESSAGE",
        requests=0,
    ),
    Row(
        "a notification whose id is no text",
        body=sns_notification('{"to": 1}', MessageId="\ud800x"),
        route=DEAD,
        code="INVALID_MESSAGE",
        requests=0,
    ),
    Row("expires_at is past", body=message(metadata={"expires_at": PAST}), route=DEAD, code="EXPIRED", requests=0),
    Row("expires_at is ahead", body=message(metadata={"expires_at": AHEAD})),
    Row(
        "expires_at is past, and an earlier delivery was accepted",
        begun_elsewhere(60, "accepted"),
        message(metadata={**KEYED, "expires_at": PAST}),
        requests=0,
    ),
    Row(
        "expires_at is past, and nobody knows of an earlier delivery",
        begun_elsewhere(60, "unknown"),
        message(metadata={**KEYED, "expires_at": PAST}),
        route=DEAD,
        code="OUTCOME_UNKNOWN",
        requests=0,
    ),
    Row(
        "key reused with a different message",
        begun_elsewhere(60, "accepted", "Another text"),
        message(metadata=KEYED),
        route=DEAD,
        code="IDEMPOTENCY_CONFLICT",
        requests=0,
    ),
    Row("key reused with the same message", begun_elsewhere(60, "accepted"), message(metadata=KEYED), requests=0),
    Row("400", answers(400), route=DEAD, code="API_REJECTED"),
    Row("200 with status error", answers(200, {"status": "error", "errors": []}), route=DEAD, code="API_REJECTED"),
    Row("another 4xx: 402", answers(402), route=DEAD, code="API_REJECTED"),
    Row("another 4xx: 422", answers(422), route=DEAD, code="API_REJECTED"),
    Row("401, also with the apikey read anew", wrong_apikey, route=BACK, code="API_UNAUTHORIZED", requests=2),
    Row("403, also with the apikey read anew", answers(403), route=BACK, code="API_UNAUTHORIZED", requests=2),
    Row("404 of something before Sociocs", answers(404, NOT_FOUND), route=BACK, code="API_MISCONFIGURED"),
    Row("404 with Sociocs's own error object", answers(404), route=DEAD, code="API_REJECTED"),
    Row("504 of a gateway", answers(504, NOT_FOUND), route=DEAD, code="OUTCOME_UNKNOWN"),
    Row("504 with Sociocs's own error object", answers(504), route=BACK, code="API_UNAVAILABLE"),
    Row("500 with a success body", answers(500, ACCEPTED), route=DEAD, code="OUTCOME_UNKNOWN"),
    Row("502 of a gateway", answers(502, NOT_FOUND), route=BACK, code="API_UNAVAILABLE"),
    Row("405", answers(405), route=BACK, code="API_MISCONFIGURED"),
    Row("302, not followed", answers(302, Location="/message"), route=BACK, code="API_MISCONFIGURED"),
    Row("307, not followed", answers(307, Location="/message"), route=BACK, code="API_MISCONFIGURED"),
    Row("302 to what is no URL", answers(302, Location="http://["), route=BACK, code="API_MISCONFIGURED"),
    Row("408", answers(408), route=BACK, code="API_THROTTLED"),
    Row("425", answers(425), route=BACK, code="API_THROTTLED"),
    Row("429", answers(429), route=BACK, code="API_THROTTLED"),
    Row(
        "429, Retry-After seconds", answers(429, Retry_After="120"), route=BACK, code="API_THROTTLED", waits=(120, 133)
    ),
    Row(
        "429, Retry-After HTTP-date",
        throttled_for(1000),
        route=BACK,
        code="API_THROTTLED",
        waits=(900, 990),
    ),
    Row("429, Retry-After past", throttled_for(-60), route=BACK, code="API_THROTTLED"),
    Row(
        "429, Retry-After of many hours",
        answers(429, Retry_After="99999999999999"),
        route=BACK,
        code="API_THROTTLED",
        waits=(900, 990),
    ),
    Row("503, Retry-After", answers(503, Retry_After="60"), route=BACK, code="API_UNAVAILABLE", waits=(60, 67)),
    Row("500", answers(500), route=BACK, code="API_UNAVAILABLE"),
    Row("511", answers(511), route=BACK, code="API_UNAVAILABLE"),
    Row("could not connect: refused", environment=EMPTY_PORT, route=BACK, code="API_UNREACHABLE", requests=0),
    Row("could not connect: DNS", environment=NO_NAME, route=BACK, code="API_UNREACHABLE", requests=0),
    Row("secret missing", secret(None), route=BACK, code="DEPENDENCY_UNAVAILABLE", requests=0),
    Row("secret empty", secret(" "), route=BACK, code="DEPENDENCY_UNAVAILABLE", requests=0),
    Row("secret unreadable", secret("{not json"), route=BACK, code="DEPENDENCY_UNAVAILABLE", requests=0),
    Row("DynamoDB unavailable before the send", no_table, route=BACK, code="DEPENDENCY_UNAVAILABLE", requests=0),
    Row("read timeout", slow, route=DEAD, code="OUTCOME_UNKNOWN", environment=SOON),
    Row("connection lost after the request went out", lost_answer, route=DEAD, code="OUTCOME_UNKNOWN"),
    Row("unreadable 200", answers(200, "<html>Hello</html>"), route=DEAD, code="OUTCOME_UNKNOWN"),
    Row("200 without a message_id", answers(200, {"status": "success"}), route=DEAD, code="OUTCOME_UNKNOWN"),
    Row(
        "the function died during an earlier attempt",
        begun_elsewhere(-60),
        message(metadata=KEYED),
        route=DEAD,
        code="OUTCOME_UNKNOWN",
        requests=0,
    ),
    Row(
        "the function died during an earlier attempt, UnknownOutcome=retry",
        begun_elsewhere(-60),
        message(metadata=KEYED),
        environment={"unknown_outcome": "retry"},
    ),
    Row(
        "read timeout, UnknownOutcome=retry",
        slow,
        route=BACK,
        code="OUTCOME_UNKNOWN",
        environment={**SOON, "unknown_outcome": "retry"},
    ),
    Row(
        "another attempt with the same key is under way",
        begun_elsewhere(100),
        message(metadata=KEYED),
        route=BACK,
        code="IN_PROGRESS",
        requests=0,
        waits=(60, 113),
    ),
    Row(
        "Deferred, and first tried MaximumRetryHours ago",
        tried_a_day_ago,
        message(metadata=KEYED),
        route=DEAD,
        code="RETRIES_EXHAUSTED",
        last_code="API_UNAVAILABLE",
        system=TRIED_OUT,
    ),
    Row("Deferred, old, and never tried before", answers(503), route=BACK, code="API_UNAVAILABLE", system=OLD),
    Row("Accepted, and older than MaximumRetryHours", system=TRIED_OUT),
    Row(
        "Deferred, and at the queue's last receive",
        answers(429),
        route=DEAD,
        code="RETRIES_EXHAUSTED",
        last_code="API_THROTTLED",
        system=LAST_RECEIVE,
    ),
    Row("Accepted, at the queue's last receive", system=LAST_RECEIVE),
    Row(
        "Deferred, and the queue keeps it no longer",
        answers(503),
        route=DEAD,
        code="RETRIES_EXHAUSTED",
        last_code="API_UNAVAILABLE",
        system=NEAR_ITS_END,
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.happens)
def test_a_row_of_the_table(
    row: Row, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What happened decides the route, the code, the wait, and how many requests the API sees."""
    monkeypatch.setattr(socket, "getaddrinfo", _no_names_but_of(socket.getaddrinfo))
    row.given(world)
    mapping = Mapping(world, row.environment)
    sent = world.send(row.body)

    stays = mapping.turn(system=row.system)

    assert stays == ([sent] if row.route == BACK else [])
    assert mapping.depth() == len(stays)
    assert world.sociocs.count == row.requests
    dead = letters(world)
    assert [letter["ERROR_CODE"] for letter in dead] == ([row.code] if row.route == DEAD else [])
    log = capsys.readouterr().out
    assert f'"route":"{row.route}"' in log
    if row.code:
        assert f'"code":"{row.code}"' in log
    if row.last_code:
        assert f"last: {row.last_code}" in dead[0]["ERROR_MESSAGE"]
    assert ('"RetriedMessageAge"' in log) == (row.route == BACK)
    if row.route == BACK:
        asked = mapping.wait_of(sent)
        assert asked is not None
        assert row.waits[0] <= asked <= row.waits[1]


def test_every_code_of_the_table_has_a_row() -> None:
    """No error code is left without a test; two of them have tests of their own below."""
    shown = {row.code for row in ROWS if row.code} | {"NOT_ATTEMPTED", "INTERNAL_ERROR"}

    assert shown == {code.value for code in ErrorCode}


def test_not_attempted(world: World) -> None:
    """A message that there is no time for goes back untried, and soon."""
    mapping = Mapping(world)
    sent = world.send(message())

    stays = mapping.turn(FakeContext(seconds=10))

    assert stays == [sent]
    assert world.sociocs.count == 0
    assert 2 < (mapping.wait_of(sent) or 0) <= 5


def test_not_attempted_is_not_out_of_retries_by_age(world: World) -> None:
    """What was handed back untried keeps its chance however old it is."""
    mapping = Mapping(world)
    sent = world.send(message())

    assert mapping.turn(FakeContext(seconds=10), system=TRIED_OUT) == [sent]
    mapping.end_waits()
    assert mapping.turn(system=TRIED_OUT) == []
    assert world.sociocs.accepted_count == 1


@pytest.mark.parametrize("system", [LAST_RECEIVE, NEAR_ITS_END], ids=["last-receive", "end-of-retention"])
def test_untried_where_sqs_would_take_it_away_is_dead_lettered_with_a_reason(
    system: dict[str, str], world: World
) -> None:
    """SQS moves a message past its last receive, or deletes it at the end of its retention, and neither says why."""
    mapping = Mapping(world)
    world.send(message())

    assert mapping.turn(FakeContext(seconds=10), system=system) == []
    assert [letter["ERROR_CODE"] for letter in letters(world)] == ["RETRIES_EXHAUSTED"]


def test_the_wait_is_real(world: World) -> None:
    """What was deferred is in flight, not visible, and comes back when its wait is over."""
    world.sociocs.rule(status=503, times=1)
    mapping = Mapping(world)
    sent = world.send(message())

    assert mapping.turn() == [sent]
    assert mapping.turn() == []
    assert mapping.depth() == 1
    mapping.end_waits()
    assert mapping.turn() == []
    assert mapping.depth() == 0
    assert world.sociocs.accepted_count == 1


class QuotingLedger(Ledger):
    """Has a bug with one message, and quotes it."""

    def begin(self, entry: Entry, now: float, until: float) -> Begun | Found:
        """Fail for the planted text."""
        planted = forwarded(message(text="Planted text", to="+16175559876"), None)
        if entry.payload == Entry.of("planted", planted, "").payload:
            raise KeyError("Planted text", "+16175559876")
        return super().begin(entry, now, until)


def test_a_bug_touches_neither_its_neighbours_nor_the_log(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """An exception that quotes the message sends that message back, and the others go on; the log quotes nothing."""
    mapping = Mapping(world, ledger=QuotingLedger(world.client("dynamodb"), world.name, 19, resend_unknown=False))
    world.send(message(text="before"))
    bad = world.send(message(text="Planted text", to="+16175559876", metadata={"idempotency_key": "planted"}))
    world.send(message(text="after"))

    stays = mapping.turn()

    assert stays == [bad]
    assert {m.body["text"] for m in world.sociocs.accepted()} == {"before", "after"}
    log = capsys.readouterr().out
    assert '"code":"INTERNAL_ERROR"' in log
    assert '"exception":"KeyError"' in log
    assert "Planted" not in log
    assert "9876" not in log


def test_an_unknown_outcome_is_remembered(world: World) -> None:
    """A duplicate of a message whose answer was lost is not sent: nobody knows about it either."""
    world.sociocs.rule(drop="after-reading", accept=True, times=1)
    mapping = Mapping(world)
    for _ in range(2):
        world.send(message(metadata=KEYED))
        assert mapping.turn() == []
        mapping.end_waits()

    assert world.sociocs.count == 1
    dead = letters(world)
    assert [letter["ERROR_CODE"] for letter in dead] == ["OUTCOME_UNKNOWN"] * 2
    assert len({letter["UNKNOWN_ATTEMPT"] for letter in dead}) == 1


@pytest.mark.parametrize("status", [400, 429, 503])
def test_what_was_not_accepted_is_not_remembered(status: int, world: World) -> None:
    """Refused or put off, the key is free: the corrected message, or the same later, is sent."""
    world.sociocs.rule(status=status, times=1)
    mapping = Mapping(world)
    world.send(message(metadata=KEYED))
    mapping.turn()
    mapping.end_waits()
    world.send(message(metadata=KEYED, text="Corrected" if status == 400 else message()["text"]))
    mapping.turn()

    assert world.sociocs.accepted_count == 1


class ForgetfulLedger(Ledger):
    """Cannot be told that the first message was accepted."""

    told = 0

    def finish_accepted(self, entry: Entry, message_id: str) -> None:
        """Fail once."""
        self.told += 1
        if self.told == 1:
            raise LedgerUnavailableError("ServiceUnavailable")
        super().finish_accepted(entry, message_id)


def test_a_table_that_is_lost_after_the_send_changes_no_outcome(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message counts as accepted; a redelivery finds an attempt without an end and never sends it again."""
    mapping = Mapping(world, ledger=ForgetfulLedger(world.client("dynamodb"), world.name, 19, resend_unknown=False))
    world.send(message(metadata=KEYED))
    assert mapping.turn() == []
    assert '"message":"message accepted"' in capsys.readouterr().out

    again = world.send(message(metadata=KEYED))
    assert mapping.turn() == [again]
    mapping.clock.seconds += 300
    mapping.end_waits()
    assert mapping.turn() == []
    assert [letter["ERROR_CODE"] for letter in letters(world)] == ["OUTCOME_UNKNOWN"]
    assert world.sociocs.count == 1


def _no_names_but_of(real: Callable[..., Any]) -> Callable[..., Any]:
    def resolve(host: str, *rest: Any, **options: Any) -> Any:
        if host.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **options)

    return resolve
