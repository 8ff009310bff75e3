"""The function's dead letters on a real queue: the body as it came, the reason in attributes, and SQS's limits."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from message_sender.aws import CALL_SECONDS, AwsClients
from message_sender.envelope import open_event
from message_sender.observability import Observer
from message_sender.outcome import Deferred, ErrorCode, Rejected, Route
from message_sender.routing import Router
from message_sender.settings import Settings
from message_sender.sqs_limits import MAXIMUM_MESSAGE_BYTES
from tests.support.answering import answering
from tests.support.builders import message, sqs_event, sqs_record, text_attribute
from tests.support.clock import START, FakeClock
from tests.support.world import FakeContext, World

OURS_IN_ORDER = ["IDEMPOTENCY_KEY", "ERROR_CODE", "RETRY_ATTEMPTS", "FIRST_SEEN", "ERROR_MESSAGE"]
SENT_AT = 1_795_000_000.25


def invalid(size: int) -> str:
    """A body of so many bytes that is no message."""
    return "x" * size


def handle(world: World, *records: dict[str, Any], sqs: Any = None) -> list[str]:
    """Run the function on records, perhaps with another SQS; the ids that stay in the queue."""
    make = AwsClients(10).client
    application = world.application(clients=lambda service: sqs if sqs and service == "sqs" else make(service))
    answer = application.handle(sqs_event(*records), FakeContext())
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def ours(letter: dict[str, Any], but: Any = ()) -> dict[str, str]:
    """The attributes of a letter as text, less some."""
    attributes = letter.get("MessageAttributes", {}).items()
    return {name: value["StringValue"] for name, value in attributes if name not in but}


@pytest.mark.parametrize(
    "body",
    [
        '  {"to" : "+16175550123",\n\t"text":"ünïcode 🚚 \\ud83d\\ude9a", "n": 1.10}  ',
        "not JSON at all: <&>\"'",
        '[{"an": "array"}]',
    ],
)
def test_the_body_is_kept_byte_for_byte(body: str, world: World) -> None:
    """Spaces, escapes, the order of fields and characters of any kind come through."""
    assert handle(world, sqs_record(body)) == []

    [letter] = world.receive(dead=True)

    assert letter["Body"] == body


def test_the_attributes_say_why(world: World) -> None:
    """Code, message, attempts, key and first sight stand beside the body, each with its type."""
    body = message(to="nobody", metadata={"idempotency_key": "order-1"})

    assert handle(world, sqs_record(body, receives=3, sent_at=SENT_AT)) == []

    [letter] = world.receive(dead=True)
    attributes = ours(letter)
    assert attributes.pop("ERROR_MESSAGE").startswith("to: must be a phone number")
    assert attributes == {
        "ERROR_CODE": "INVALID_MESSAGE",
        "RETRY_ATTEMPTS": "2",
        "IDEMPOTENCY_KEY": "order-1",
        "FIRST_SEEN": "2026-11-18T11:06:40.250Z",
    }
    assert letter["MessageAttributes"]["RETRY_ATTEMPTS"]["DataType"] == "Number"


@pytest.mark.parametrize(("used", "kept"), [(0, 5), (5, 5), (6, 4), (8, 2), (9, 1), (10, 0)])
def test_the_least_important_go_first_when_attributes_are_used_up(used: int, kept: int, world: World) -> None:
    """Beside the producer's attributes ours fill up the ten in their order; with none free it is one still."""
    attributes = {f"producer-{number}": text_attribute(f"value {number}") for number in range(used)}

    assert handle(world, sqs_record(invalid(10), attributes=attributes)) == []

    [letter] = world.receive(dead=True)
    found = ours(letter)
    assert {name: found[name] for name in attributes} == {f"producer-{n}": f"value {n}" for n in range(used)}
    assert set(found) - set(attributes) == set(OURS_IN_ORDER[:kept])


def test_attributes_of_every_type_are_kept(world: World) -> None:
    """Numbers, binary values and custom types arrive as the producer wrote them."""
    attributes = {
        "plain": text_attribute("ä €"),
        "number": {"dataType": "Number", "stringValue": "-1.50"},
        "binary": {"dataType": "Binary", "binaryValue": base64.b64encode(b"\x00\xff\x01").decode()},
        "custom": {"dataType": "String.uuid", "stringValue": "x"},
        "custom-binary": {"dataType": "Binary.gif", "binaryValue": base64.b64encode(b"GIF89a").decode()},
    }

    assert handle(world, sqs_record(invalid(10), attributes=attributes)) == []

    [letter] = world.receive(dead=True)
    found = letter["MessageAttributes"]
    assert {
        name: (found[name]["DataType"], found[name].get("StringValue", found[name].get("BinaryValue")))
        for name in attributes
    } == {
        "plain": ("String", "ä €"),
        "number": ("Number", "-1.50"),
        "binary": ("Binary", b"\x00\xff\x01"),
        "custom": ("String.uuid", "x"),
        "custom-binary": ("Binary.gif", b"GIF89a"),
    }
    assert set(OURS_IN_ORDER) <= set(found)


@pytest.mark.parametrize(
    ("room", "kept"),
    [
        pytest.param(0, [], id="exactly-1-MiB"),
        pytest.param(20, [], id="too-little-for-any"),
        # Name, type and value: 10 + 6 + 7 bytes.
        pytest.param(23, ["ERROR_CODE"], id="room-for-the-code"),
        # 15 + 6 + 100 for the key, 23, 14 + 6 + 1 for the attempts, 10 + 6 + 24 for first seen.
        pytest.param(205, OURS_IN_ORDER[:4], id="all-but-the-message"),
        pytest.param(4096, OURS_IN_ORDER, id="room-for-all"),
    ],
)
@pytest.mark.parametrize("with_attribute", [False, True], ids=["body", "body-and-attribute"])
def test_a_message_at_the_limit_is_still_dead_lettered(
    room: int, kept: list[str], world: World, *, with_attribute: bool
) -> None:
    """Up to 1 MiB, attributes included, ours take the room that is left and never one byte more."""
    attributes = {"note": text_attribute("n" * 500)} if with_attribute else {}
    taken = 500 + len("note") + len("String") if with_attribute else 0
    start, end = (
        '{"provider":"twlo","channel_key":"ck","to":"+16175550123","text":"',
        '","metadata":{"expires_at":"2020-01-01T00:00:00Z"}}',
    )
    body = f"{start}{'x' * (MAXIMUM_MESSAGE_BYTES - room - taken - len(start) - len(end))}{end}"
    long_id = "i" * 100  # the default key, for which small rooms are too small

    assert handle(world, sqs_record(body, attributes=attributes, message_id=long_id)) == []

    [letter] = world.receive(dead=True)
    assert letter["Body"] == body
    found = ours(letter, but=attributes)
    assert sorted(found) == sorted(kept)
    if room == 4096:
        assert found["ERROR_CODE"] == "EXPIRED"


def test_letters_of_one_batch_are_cut_to_what_sqs_takes(world: World) -> None:
    """Large letters go in several calls, since a call takes 1 MiB as a message does."""
    bodies = [invalid(size) for size in (1_048_576, 400_000, 400_000, 400_000, 10, 1_048_576)]

    assert handle(world, *map(sqs_record, bodies)) == []

    assert sorted(len(letter["Body"]) for letter in world.receive(dead=True)) == sorted(map(len, bodies))


def test_more_than_ten_letters_go_in_batches(world: World) -> None:
    """25 at once are 25 dead letters, by as few calls as SQS allows."""
    sqs, calls = AwsClients(10).client("sqs"), []
    sqs.meta.events.register(
        "provide-client-params.sqs.SendMessageBatch", lambda params, **_: calls.append(len(params["Entries"]))
    )

    assert handle(world, *(sqs_record(f"bad {n}") for n in range(25)), sqs=sqs) == []

    assert sorted(letter["Body"] for letter in world.receive(dead=True)) == sorted(f"bad {n}" for n in range(25))
    assert len(calls) <= 5
    assert max(calls) == 10


def test_a_queue_that_refuses_leaves_messages_in_theirs(world: World) -> None:
    """Without a dead-letter queue every message that belongs there stays; one that was accepted does not."""
    world.client("sqs").delete_queue(QueueUrl=world.environment["DEAD_LETTER_QUEUE_URL"])
    bad, good = [sqs_record("bad") for _ in range(12)], sqs_record(message())

    stay = handle(world, *bad, good)

    assert sorted(stay) == sorted(record["messageId"] for record in bad)
    assert world.sociocs.accepted_count == 1


def test_a_queue_that_cannot_be_reached_leaves_messages_in_theirs(world: World) -> None:
    """No answer is as good as a refusal."""
    record = sqs_record("bad")
    # A port that nothing listens on: connecting fails at once.
    config = Config(retries={"total_max_attempts": 1})
    sqs = boto3.client("sqs", endpoint_url="http://127.0.0.1:1", config=config)

    assert handle(world, record, sqs=sqs) == [record["messageId"]]


@dataclass
class PickySqs:
    """SQS, but for what it says of the entries of a SendMessageBatch."""

    sqs: Any
    answer: Callable[[dict[str, Any], list[dict[str, Any]]], Any]
    """The real answer and the entries -> what is answered."""

    def send_message_batch(self, **call: Any) -> Any:
        """Send what is not to be refused, and answer."""
        taken = [entry for entry in call["Entries"] if entry["MessageBody"] not in ("bad 2", "bad 11")]
        return self.answer(self.sqs.send_message_batch(**{**call, "Entries": taken}), call["Entries"])


def refused(answer: dict[str, Any], entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Name what was not taken as failed."""
    taken = {entry["Id"] for entry in answer["Successful"]}
    failed = [
        {"Id": entry["Id"], "Code": "InternalError", "SenderFault": False}
        for entry in entries
        if entry["Id"] not in taken
    ]
    return {**answer, "Failed": failed}


def forgotten(answer: dict[str, Any], _: list[dict[str, Any]]) -> dict[str, Any]:
    """Say nothing of what was not taken."""
    return answer


@pytest.mark.parametrize("answer", [refused, forgotten])
def test_what_a_batch_call_does_not_take_stays_in_the_queue(
    answer: Callable[[dict[str, Any], list[dict[str, Any]]], Any], world: World
) -> None:
    """SendMessageBatch answers 200 with failed entries, or names some not at all: those stay, and no other."""
    records = [sqs_record(f"bad {n}") for n in range(13)]

    stay = handle(world, *records, sqs=PickySqs(world.client("sqs"), answer))

    assert set(stay) == {records[2]["messageId"], records[11]["messageId"]}
    assert {letter["Body"] for letter in world.receive(dead=True)} == {f"bad {n}" for n in range(13)} - {
        "bad 2",
        "bad 11",
    }


@pytest.mark.parametrize("body", [b"{}", b"", b"<html>Log in to the proxy</html>"])
@pytest.mark.parametrize("request_id", [None, "b1946ac9-2492-5b8d-9f6b-c8ae9a6f1f0f"])
def test_an_answer_that_is_none_of_sqs_loses_nothing(body: bytes, request_id: str | None, world: World) -> None:
    """An egress proxy answers 200 to everything: what nobody says was written was not written."""
    record = sqs_record("bad")

    with answering(body, request_id) as url:
        sqs = AwsClients(10, endpoint_url=url).client("sqs")
        assert handle(world, record, sqs=sqs) == [record["messageId"]]

    assert world.receive(dead=True) == []


@dataclass
class HangingSqs:
    """Each call takes as long as one that nobody answers, and then fails."""

    clock: FakeClock
    calls: int = 0

    def _hang(self, **_: Any) -> Any:
        self.calls += 1
        self.clock.now += CALL_SECONDS
        raise ReadTimeoutError(endpoint_url="sqs")

    send_message_batch = change_message_visibility_batch = _hang


@pytest.mark.parametrize(("seconds", "calls"), [(3.9, 0), (4, 1), (12, 3), (600, 10)])
def test_an_sqs_that_hangs_does_not_outlast_the_function(seconds: float, calls: int, world: World) -> None:
    """A batch of a hundred is ten calls: ended before its response, all of it would come back, sent or not."""
    clock = FakeClock()
    sqs: Any = HangingSqs(clock)
    router = Router(sqs, Settings.from_environment(world.environment), Observer(), clock)
    deliveries = open_event(sqs_event(*(sqs_record(f"bad {n}") for n in range(50)), *(sqs_record("x"),) * 50))
    dead = [(one, Rejected(ErrorCode.INVALID_MESSAGE, "bad")) for one in deliveries[:50]]
    back = [(one, Deferred(ErrorCode.API_THROTTLED, "429")) for one in deliveries[50:]]

    routed = router.route([*dead, *back], clock.now + seconds)

    assert sqs.calls == calls
    assert clock.now <= START + seconds
    assert [one.route for one in routed].count(Route.STRANDED) == 50
    assert [one.route for one in routed].count(Route.RETURNED) == 50
