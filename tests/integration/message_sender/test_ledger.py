"""The ledger's conditional writes against a real table: what each attempt finds, and what it leaves behind."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

from message_sender.ledger import (
    AlreadyAccepted,
    Begun,
    Conflict,
    EarlierUnknown,
    Entry,
    InProgress,
    Ledger,
    LedgerUnavailableError,
)

NOW = 1_790_000_000.0
DAYS = 15
DAY = 86_400
SKEW = 2
BODY = b'{"to":"+16175550123","text":"Planted text","name":"Planted name"}'

Make = Callable[..., Ledger]


@pytest.fixture(scope="module")
def table(aws_endpoint: str) -> tuple[Any, str]:
    """One table for all: each test has a key of its own."""
    client = boto3.client(
        "dynamodb",
        "us-east-1",
        endpoint_url=aws_endpoint,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    name = f"ledger-{uuid.uuid4().hex[:8]}"
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return client, name


@pytest.fixture
def ledger(table: tuple[Any, str]) -> Ledger:
    """`UnknownOutcome=dead-letter`."""
    return Ledger(*table, DAYS, resend_unknown=False)


@pytest.fixture
def retrying(table: tuple[Any, str]) -> Ledger:
    """`UnknownOutcome=retry`."""
    return Ledger(*table, DAYS, resend_unknown=True)


@pytest.fixture
def key() -> str:
    """A key that no other test has."""
    return f"order-{uuid.uuid4()}"


def attempt(key: str, name: str, body: bytes = BODY, resend_of: str | None = None) -> Entry:
    """One attempt at a key."""
    return Entry.of(key, body, name, resend_of)


def begin(ledger: Ledger, entry: Entry, now: float = NOW, seconds: float = 60) -> object:
    """Begin with so many seconds to the function's deadline."""
    return ledger.begin(entry, now, now + seconds)


def item(table: tuple[Any, str], entry: Entry) -> dict[str, Any] | None:
    """What the table holds of a key."""
    client, name = table
    found: dict[str, Any] | None = client.get_item(TableName=name, Key={"pk": {"S": entry.pk}}).get("Item")
    return found


def test_a_new_key_is_begun_and_described(ledger: Ledger, table: tuple[Any, str], key: str) -> None:
    """The item says: this attempt is sending until then, and may be forgotten after `IdempotencyDays`."""
    entry = attempt(key, "a")

    assert isinstance(begin(ledger, entry), Begun)
    assert item(table, entry) == {
        "pk": {"S": entry.pk},
        "state": {"S": "sending"},
        "payload": {"S": entry.payload},
        "attempt": {"S": "a"},
        "attempted": {"N": repr(NOW)},
        "until": {"N": repr(NOW + 60)},
        "expires": {"N": str(int(NOW + DAYS * DAY))},
    }


def test_nobody_else_sends_meanwhile(ledger: Ledger, key: str) -> None:
    """Until the first attempt's deadline, and a little longer for clocks that differ, the key is in progress."""
    begin(ledger, attempt(key, "a"))

    assert begin(ledger, attempt(key, "b"), NOW + 10) == InProgress(50 + SKEW)
    assert begin(ledger, attempt(key, "b"), NOW + 60 + SKEW) == InProgress(0)


def test_an_accepted_message_is_found_with_its_id(ledger: Ledger, table: tuple[Any, str], key: str) -> None:
    """Every later attempt learns the first message_id, up to the last second that the key is remembered."""
    first = attempt(key, "a")
    begin(ledger, first)
    ledger.finish_accepted(first, "Xyz12345")

    for later in (1, 3600, DAYS * DAY - 1):
        assert begin(ledger, attempt(key, "b"), NOW + later) == AlreadyAccepted("Xyz12345")
        assert ledger.look(attempt(key, "b"), NOW + later) == AlreadyAccepted("Xyz12345")
    assert "until" not in (item(table, first) or {})


@pytest.mark.parametrize("finish", ["nothing", "finish_unknown"])
def test_an_attempt_without_an_end_is_unknown(finish: str, ledger: Ledger, key: str) -> None:
    """Died or unanswered: every later attempt learns whose outcome is unknown, and none begins."""
    first = attempt(key, "a")
    begin(ledger, first)
    if finish != "nothing":
        getattr(ledger, finish)(first)

    for name in ("b", "c"):
        assert begin(ledger, attempt(key, name), NOW + 60 + SKEW + 0.1) == EarlierUnknown("a", NOW)
        assert ledger.look(attempt(key, name), NOW + 60 + SKEW + 0.1) == EarlierUnknown("a", NOW)


@pytest.mark.parametrize("state", ["sending", "dead", "accepted", "unknown"])
@pytest.mark.parametrize("policy", ["ledger", "retrying"])
def test_another_message_with_the_key_is_a_conflict(
    state: str, policy: str, key: str, request: pytest.FixtureRequest
) -> None:
    """Whatever became of the first message, and under either policy; also when a person redrives it."""
    ledger: Ledger = request.getfixturevalue(policy)
    first = attempt(key, "a")
    begin(ledger, first, NOW - 1000 if state == "dead" else NOW)
    if state == "accepted":
        ledger.finish_accepted(first, "Xyz12345")
    if state == "unknown":
        ledger.finish_unknown(first)

    assert begin(ledger, attempt(key, "b", b'{"text":"Another"}')) == Conflict()
    assert begin(ledger, attempt(key, "b", b'{"text":"Another"}', resend_of="a")) == Conflict()
    assert ledger.look(attempt(key, "b", b'{"text":"Another"}'), NOW) == Conflict()


def test_spelling_and_order_of_the_json_do_not_matter() -> None:
    """The same message written in another way is the same message."""
    one = attempt("k", "a", b'{"to": "+16175550123", "text": "Zo\\u00eb"}')
    other = attempt("k", "b", '{"text":"Zoë",  "to":"+16175550123"}'.encode())

    assert (one.pk, one.payload) == (other.pk, other.payload)


def test_the_payload_is_salted_with_the_key() -> None:
    """Two customers' equal messages cannot be seen to be equal in the table."""
    assert attempt("k1", "a").payload != attempt("k2", "a").payload


def test_a_lone_surrogate_in_a_key_is_a_key() -> None:
    """JSON allows it, so it arrives."""
    assert attempt("\ud800", "a").pk != attempt("?", "a").pk


@pytest.mark.parametrize("state", ["sending", "accepted", "unknown"])
def test_an_expired_item_is_free_before_it_is_deleted(
    state: str, ledger: Ledger, table: tuple[Any, str], key: str
) -> None:
    """DynamoDB may take days to delete what has expired; a new attempt does not wait for that."""
    old = attempt(key, "a")
    begin(ledger, old)
    if state == "accepted":
        ledger.finish_accepted(old, "Xyz12345")
    if state == "unknown":
        ledger.finish_unknown(old)
    late = NOW + DAYS * DAY + 1

    assert ledger.look(attempt(key, "b", b'{"text":"Another"}'), late) is None
    assert isinstance(begin(ledger, attempt(key, "b", b'{"text":"Another"}'), late), Begun)
    found = item(table, old) or {}
    assert (found["attempt"], found["state"]) == ({"S": "b"}, {"S": "sending"})
    assert "message_id" not in found


def test_a_released_key_is_free(ledger: Ledger, table: tuple[Any, str], key: str) -> None:
    """Nothing was sent, so nothing is remembered."""
    first = attempt(key, "a")
    begin(ledger, first)
    ledger.release(first, Begun(NOW))

    assert item(table, first) is None
    assert ledger.look(first, NOW) is None
    assert isinstance(begin(ledger, attempt(key, "b")), Begun)


def test_only_its_own_attempt_ends_an_item(ledger: Ledger, retrying: Ledger, table: tuple[Any, str], key: str) -> None:
    """An attempt that was taken for dead and comes back late neither finishes nor releases its successor's item."""
    late, successor = attempt(key, "a"), attempt(key, "b")
    begin(retrying, late)
    assert isinstance(begin(retrying, successor, NOW + 100), Begun)

    ends: list[Callable[[], None]] = [
        lambda: ledger.finish_unknown(late),
        lambda: ledger.release(late, Begun(NOW)),
        lambda: ledger.postpone(late, Begun(NOW)),
        lambda: ledger.finish_accepted(late, "Late"),
    ]
    for end in ends:
        end()
        found = item(table, successor) or {}
        assert (found["attempt"], found["state"]) == ({"S": "b"}, {"S": "sending"})


def test_a_finished_item_stays_as_it_is(ledger: Ledger, key: str) -> None:
    """A second end of the same attempt changes nothing: accepted stays accepted."""
    entry = attempt(key, "a")
    begin(ledger, entry)
    ledger.finish_accepted(entry, "Xyz12345")

    ledger.finish_unknown(entry)
    ledger.release(entry, Begun(NOW))
    ledger.finish_accepted(entry, "Other")

    assert ledger.look(attempt(key, "b"), NOW) == AlreadyAccepted("Xyz12345")


# --- what a person sends again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["nothing", "finish_unknown"])
def test_what_a_person_sends_again_is_sent_once(end: str, ledger: Ledger, key: str) -> None:
    """A redriven dead letter, delivered as often as SQS likes, begins once; a producer's duplicate never does."""
    first = attempt(key, "a")
    begin(ledger, first)
    if end != "nothing":
        getattr(ledger, end)(first)
    later = NOW + 100

    assert begin(ledger, attempt(key, "duplicate"), later) == EarlierUnknown("a", NOW)
    assert isinstance(begin(ledger, attempt(key, "b", resend_of="a"), later), Begun)
    assert begin(ledger, attempt(key, "c", resend_of="a"), later) == InProgress(60 + SKEW)
    assert begin(ledger, attempt(key, "duplicate"), later) == InProgress(60 + SKEW)
    ledger.finish_accepted(attempt(key, "b", resend_of="a"), "Xyz12345")
    assert begin(ledger, attempt(key, "d", resend_of="a"), later) == AlreadyAccepted("Xyz12345")


def test_a_resend_that_dies_is_a_new_unknown(ledger: Ledger, key: str) -> None:
    """The old decision is used up: the next redrive must name the attempt that died now."""
    begin(ledger, attempt(key, "a"))
    assert isinstance(begin(ledger, attempt(key, "b", resend_of="a"), NOW + 100), Begun)

    assert begin(ledger, attempt(key, "c", resend_of="a"), NOW + 200) == EarlierUnknown("b", NOW + 100)
    assert isinstance(begin(ledger, attempt(key, "d", resend_of="b"), NOW + 200), Begun)


def test_a_resend_does_not_take_over_a_living_attempt(ledger: Ledger, key: str) -> None:
    """The attempt that it names may be under way still."""
    begin(ledger, attempt(key, "a"))

    assert begin(ledger, attempt(key, "b", resend_of="a"), NOW + 60) == InProgress(SKEW)


@pytest.mark.parametrize("end", ["release", "postpone"])
def test_a_released_resend_is_of_unknown_outcome_as_before(
    end: str, ledger: Ledger, table: tuple[Any, str], key: str
) -> None:
    """The resend sent nothing (429, say): a duplicate is still not sent, and the same decision still holds."""
    first = attempt(key, "a")
    begin(ledger, first)
    ledger.finish_unknown(first)
    resend = attempt(key, "b", resend_of="a")
    begun = begin(ledger, resend, NOW + 100)
    assert isinstance(begun, Begun)

    getattr(ledger, end)(resend, begun)

    assert (item(table, first) or {})["attempt"] == {"S": "a"}
    assert begin(ledger, attempt(key, "c"), NOW + 101) == EarlierUnknown("a", NOW)
    assert isinstance(begin(ledger, attempt(key, "d", resend_of="a"), NOW + 101), Begun)


# --- UnknownOutcome=retry ---------------------------------------------------------------------------------------------


def test_the_retry_policy_takes_over_what_is_over(retrying: Ledger, key: str) -> None:
    """Dead and unknown attempts are sent again; one after the other, never side by side."""
    begin(retrying, attempt(key, "a"))

    assert begin(retrying, attempt(key, "b"), NOW + 60 + SKEW) == InProgress(0)
    assert isinstance(begin(retrying, attempt(key, "b"), NOW + 60 + SKEW + 0.1), Begun)
    assert isinstance(begin(retrying, attempt(key, "c"), NOW + 70), InProgress)
    retrying.finish_unknown(attempt(key, "b"))
    assert isinstance(begin(retrying, attempt(key, "c"), NOW + 70), Begun)


def test_the_retry_policy_sends_nothing_again_that_was_accepted(retrying: Ledger, key: str) -> None:
    """At least once is not as often as possible."""
    entry = attempt(key, "a")
    begin(retrying, entry)
    retrying.finish_accepted(entry, "Xyz12345")

    assert begin(retrying, attempt(key, "b"), NOW + 100) == AlreadyAccepted("Xyz12345")


# --- the table's own faults -------------------------------------------------------------------------------------------


TIMED_OUT = ReadTimeoutError(endpoint_url="http://127.0.0.1")
FAILED = ClientError({"Error": {"Code": "InternalServerError"}}, "PutItem")


class LossyClient:
    """DynamoDB behind a network that loses answers: what was asked is done, and nobody hears of it."""

    def __init__(self, client: Any, *operations: str, error: Exception = TIMED_OUT) -> None:
        self._client, self._lost, self._error = client, operations, error

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self._client, name)

        def call(**parameters: Any) -> Any:
            answer = operation(**parameters)
            if name in self._lost:
                raise self._error
            return answer

        return call


def test_its_own_lost_write_is_found_again(ledger: Ledger, key: str) -> None:
    """AWS's SDK makes a write again whose answer it lost; the second finds the first, and the attempt goes on."""
    entry = attempt(key, "a")

    assert isinstance(begin(ledger, entry), Begun)
    assert isinstance(begin(ledger, entry), Begun)


@pytest.mark.parametrize(("error", "code"), [(TIMED_OUT, "ReadTimeoutError"), (FAILED, "InternalServerError")])
def test_a_begin_that_nobody_answers_is_taken_back(
    error: Exception, code: str, table: tuple[Any, str], ledger: Ledger, key: str
) -> None:
    """The message was not sent, so no later attempt finds one that seems to have died."""
    client, name = table
    lossy: Any = LossyClient(client, "put_item", error=error)

    with pytest.raises(LedgerUnavailableError, match=f"^{code}$"):
        begin(Ledger(lossy, name, DAYS, resend_unknown=False), attempt(key, "a"))
    assert isinstance(begin(ledger, attempt(key, "b")), Begun)


def test_an_end_that_nobody_answers_is_written_all_the_same(table: tuple[Any, str], ledger: Ledger, key: str) -> None:
    """The caller hears that it may not be; the table knows better."""
    client, name = table
    lossy: Any = LossyClient(client, "update_item")
    entry = attempt(key, "a")
    begin(ledger, entry)

    with pytest.raises(LedgerUnavailableError, match=r"^ReadTimeoutError$"):
        Ledger(lossy, name, DAYS, resend_unknown=False).finish_accepted(entry, "Xyz12345")
    assert begin(ledger, attempt(key, "b")) == AlreadyAccepted("Xyz12345")


@pytest.mark.parametrize("operation", ["begin", "look", "finish_accepted", "finish_unknown"])
def test_a_table_that_is_not_there(operation: str, table: tuple[Any, str], key: str) -> None:
    """Every method says so in one way, with the error's code and nothing of the message."""
    gone = Ledger(table[0], "no-such-table", DAYS, resend_unknown=False)
    arguments = {"begin": (NOW, NOW + 60), "look": (NOW,), "finish_accepted": ("Xyz12345",)}.get(operation, ())

    with pytest.raises(LedgerUnavailableError, match=r"^ResourceNotFoundException$"):
        getattr(gone, operation)(attempt(key, "a"), *arguments)


def test_nothing_of_a_message_is_in_the_table(ledger: Ledger, table: tuple[Any, str]) -> None:
    """Keys and messages are hashes: neither the key nor any value of the message can be read."""
    key = "Planted key +16175550123"
    for number, end in enumerate(["nothing", "finish_unknown", "finish_accepted", "release"]):
        entry = attempt(f"{key} {number}", f"a{number}")
        begin(ledger, entry, time.time())
        if end == "finish_accepted":
            ledger.finish_accepted(entry, "Xyz12345")
        elif end == "finish_unknown":
            ledger.finish_unknown(entry)
        elif end == "release":
            ledger.postpone(entry, Begun(NOW))

    client, name = table
    everything = repr(client.scan(TableName=name)["Items"])

    assert "Xyz12345" in everything
    assert "lanted" not in everything
    assert "5550123" not in everything


# --- what was tried before, and what could not be written ------------------------------------------------------------


def test_the_first_real_attempt_is_remembered(ledger: Ledger, key: str) -> None:
    """Each later attempt learns when the message was first tried; nobody has to wait for it."""
    for number in range(3):
        entry = attempt(key, f"a{number}")
        begun = begin(ledger, entry, NOW + 1000 * number)
        assert begun == Begun(NOW, None if number == 0 else NOW + 1000 * (number - 1))
        assert isinstance(begun, Begun)
        ledger.postpone(entry, begun)
        assert ledger.look(attempt(key, "b"), NOW + 1000 * number) is None


def test_another_message_with_the_key_begins_anew(ledger: Ledger, key: str) -> None:
    """Corrected by its producer, it has its own 24 hours."""
    first = attempt(key, "a")
    begin(ledger, first)
    ledger.postpone(first, Begun(NOW))

    assert begin(ledger, attempt(key, "b", b'{"text":"Corrected"}'), NOW + 1000) == Begun(NOW + 1000)


@dataclass
class Outage:
    """A DynamoDB client whose writes after the send fail while the outage lasts."""

    client: Any
    lasts: bool = True
    calls: int = 0

    def __getattr__(self, name: str) -> Any:
        if not self.lasts or name not in ("update_item", "delete_item"):
            return getattr(self.client, name)
        self.calls += 1
        raise ReadTimeoutError(endpoint_url="dynamodb")


@pytest.mark.parametrize("end", ["release", "postpone"])
def test_a_key_that_cannot_be_freed_is_freed_later(end: str, table: tuple[Any, str]) -> None:
    """Nothing was sent, so that no later delivery may take it for an attempt that died."""
    client: Any = Outage(table[0])
    ledger = Ledger(client, table[1], DAYS, resend_unknown=False)
    entries = [attempt(f"order-{uuid.uuid4()}", f"a{number}") for number in range(3)]
    for entry in entries:
        begin(ledger, entry)
        getattr(ledger, end)(entry, Begun(NOW))
    asked = client.calls

    assert ledger.free_left_over() == 3
    assert client.calls == asked + 1, "one answer is enough to know that it lasts"
    client.lasts = False
    assert ledger.free_left_over() == 0

    for entry in entries:
        assert isinstance(begin(ledger, Entry(entry.pk, entry.payload, "later"), NOW + 3600), Begun)


def test_an_outage_without_end_begins_no_more(table: tuple[Any, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits to be freed is bounded: past it nothing is begun."""
    monkeypatch.setattr("message_sender.ledger.MOST_LEFT_OVER", 2)
    client: Any = Outage(table[0])
    ledger = Ledger(client, table[1], DAYS, resend_unknown=False)
    for number in range(2):
        assert not ledger.is_clogged
        entry = attempt(f"order-{uuid.uuid4()}", f"a{number}")
        begin(ledger, entry)
        ledger.release(entry, Begun(NOW))

    assert ledger.is_clogged


@dataclass
class Recorded:
    """A DynamoDB client that notes what GetItem was asked for."""

    client: Any
    asked: list[dict[str, Any]] = field(default_factory=list)

    def get_item(self, **call: Any) -> Any:
        """Note it, and ask."""
        self.asked.append(call)
        return self.client.get_item(**call)


def test_what_is_known_of_a_key_is_read_consistently(table: tuple[Any, str], key: str) -> None:
    """An answer of a moment ago would take an accepted message for one that never was sent."""
    client: Any = Recorded(table[0])

    assert Ledger(client, table[1], DAYS, resend_unknown=False).look(attempt(key, "a"), NOW) is None
    assert [call["ConsistentRead"] for call in client.asked] == [True]
