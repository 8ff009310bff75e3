"""The function's dead letters on a real queue: the body as it came, the reason in attributes, and SQS's limits."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest import mock

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ReadTimeoutError

from message_sender import routing
from message_sender.envelope import open_event
from message_sender.outcome import Deferred, ErrorCode, Rejected, Route
from message_sender.sqs_limits import MAXIMUM_MESSAGE_BYTES
from tests.support.builders import message, sqs_event, sqs_record, text_attribute
from tests.support.world import FakeContext, World

OURS_IN_ORDER = ["IDEMPOTENCY_KEY", "ERROR_CODE", "RETRY_ATTEMPTS", "FIRST_SEEN", "ERROR_MESSAGE"]
SENT_AT = 1_795_000_000.25


def invalid(size: int) -> str:
    """A body of so many bytes that is no message."""
    return "x" * size


def handle(world: World, *records: dict[str, Any], **environment: str) -> list[str]:
    """Run the function on records; the ids that stay in the queue."""
    answer = world.application(**environment).handle(sqs_event(*records), FakeContext())
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
    """25 at once are 25 dead letters, by three calls."""
    application, calls = world.application(), []
    application._router._sqs.meta.events.register(
        "provide-client-params.sqs.SendMessageBatch", lambda params, **_: calls.append(len(params["Entries"]))
    )

    answer = application.handle(sqs_event(*(sqs_record(f"bad {n}") for n in range(25))), FakeContext())

    assert answer == {"batchItemFailures": []}
    assert sorted(letter["Body"] for letter in world.receive(dead=True)) == sorted(f"bad {n}" for n in range(25))
    assert sorted(calls) == [5, 10, 10]


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
    application = world.application()
    # A port that nothing listens on: connecting fails at once.
    config = Config(retries={"total_max_attempts": 1})
    application._router._sqs = boto3.client("sqs", endpoint_url="http://127.0.0.1:1", config=config)

    answer = application.handle(sqs_event(record), FakeContext())

    assert answer == {"batchItemFailures": [{"itemIdentifier": record["messageId"]}]}


def test_what_a_batch_call_refuses_in_part_stays_in_the_queue(world: World) -> None:
    """SendMessageBatch answers 200 with failed entries: those stay, and no other."""
    application, records = world.application(), [sqs_record(f"bad {n}") for n in range(13)]
    send = application._router._sqs.send_message_batch

    def refuses_some(**call: Any) -> Any:
        refused = [entry for entry in call["Entries"] if entry["MessageBody"] in ("bad 2", "bad 11")]
        taken = [entry for entry in call["Entries"] if entry not in refused]
        answer = send(**{**call, "Entries": taken})
        failed = [{"Id": entry["Id"], "Code": "InternalError", "SenderFault": False} for entry in refused]
        return {**answer, "Failed": failed}

    with mock.patch.object(application._router._sqs, "send_message_batch", refuses_some):
        answer = application.handle(sqs_event(*records), FakeContext())

    stay = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
    assert stay == {records[2]["messageId"], records[11]["messageId"]}
    assert {letter["Body"] for letter in world.receive(dead=True)} == {f"bad {n}" for n in range(13)} - {
        "bad 2",
        "bad 11",
    }


@dataclass
class HangingSqs:
    """Each call takes as long as one that nobody answers, and then fails."""

    clock: list[float]
    calls: int = 0

    def _hang(self, **_: Any) -> Any:
        self.calls += 1
        self.clock[0] += 4
        raise ReadTimeoutError(endpoint_url="sqs")

    send_message_batch = change_message_visibility_batch = _hang


@pytest.mark.parametrize(("seconds", "calls"), [(4, 0), (12, 2), (600, 10)])
def test_an_sqs_that_hangs_does_not_outlast_the_function(
    seconds: float, calls: int, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch of a hundred is ten calls: ended before its response, all of it would come back, sent or not."""
    clock = [1000.0]
    monkeypatch.setattr(routing, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    application = world.application()
    sqs = HangingSqs(clock)
    application._router._sqs = sqs  # type: ignore[assignment]  # the part that is used
    deliveries = open_event(sqs_event(*(sqs_record(f"bad {n}") for n in range(50)), *(sqs_record("x"),) * 50))
    dead = [(one, Rejected(ErrorCode.INVALID_MESSAGE, "bad")) for one in deliveries[:50]]
    back = [(one, Deferred(ErrorCode.API_THROTTLED, "429")) for one in deliveries[50:]]

    routed = application._router.route([*dead, *back], 1000 + seconds)

    assert sqs.calls == calls
    assert clock[0] <= 1000 + max(seconds, 0)
    assert [one.route for one in routed].count(Route.STRANDED) == 50
    assert [one.route for one in routed].count(Route.RETURNED) == 50


def test_fifo_letters_keep_their_group(make_world: Callable[..., World]) -> None:
    """The dead letter of a FIFO message is in its group, in the group's order, and two of the same body are two."""
    world = make_world(fifo=True)
    groups = ["recipient-a", "recipient-b", "recipient-a"]

    assert handle(world, *(sqs_record("bad", group=group) for group in groups)) == []

    letters = world.receive(dead=True)
    assert sorted(letter["Attributes"]["MessageGroupId"] for letter in letters) == sorted(groups)


def test_no_attribute_holds_what_the_message_says(world: World) -> None:
    """Neither an error of the API that quotes the message nor a misplaced value gets into an attribute."""
    private = {
        "to": "+16175550199",
        "name": "Dorothea Brooke",
        "text": "Your code is 493817, Dorothea",
        "user_id": "u-55871",
    }
    said = " ".join(f"Invalid {name}: {value}." for name, value in private.items())
    world.sociocs.rule(status=400, body={"status": "error", "errors": [{"msg": said}]}, times=1)
    refused = sqs_record(message(**private))
    # Personal data as a field's name, in a field that does not exist, and in one of the wrong type.
    invalid_one = sqs_record(
        message(**private, **{"+1 617 555 0199": "x", "Dorothea Brooke": 1, "schedule": "Dorothea"})
    )
    not_json = sqs_record(json.dumps(message(**private))[:-3])

    assert handle(world, refused, invalid_one, not_json) == []

    letters = world.receive(dead=True)
    assert sorted(ours(letter)["ERROR_CODE"] for letter in letters) == [
        "API_REJECTED",
        "INVALID_MESSAGE",
        "INVALID_MESSAGE",
    ]
    for letter in letters:
        written = json.dumps(ours(letter), ensure_ascii=False)
        for value in (*private.values(), "6175550199", "617 555", "Dorothea", "Brooke", "493817", "55871"):
            assert value not in written


def test_a_long_reason_is_cut_to_one_kilobyte(world: World) -> None:
    """However many problems a message has, ERROR_MESSAGE has at most 1 KB, and is whole characters."""
    many = {f"unknown_{chr(97 + n // 26)}{chr(97 + n % 26)}": 1 for n in range(200)}

    assert handle(world, sqs_record(message(**many))) == []

    [letter] = world.receive(dead=True)
    assert 900 < len(ours(letter)["ERROR_MESSAGE"].encode()) <= 1024


def test_a_key_that_sqs_does_not_take_stays_in_the_body_alone(world: World) -> None:
    """A key with a control character is left out as an attribute; the body still says it to whoever redrives it."""
    body = message(to="nobody", metadata={"idempotency_key": "order\u0001"})

    assert handle(world, sqs_record(body)) == []

    [letter] = world.receive(dead=True)
    assert "IDEMPOTENCY_KEY" not in ours(letter)
    assert ours(letter)["ERROR_CODE"] == "INVALID_MESSAGE"
