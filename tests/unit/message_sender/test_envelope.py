"""Every envelope is found by its shape, and one record never touches its neighbours."""

import base64
import json
import re
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from message_sender.contract.message import Message, check
from message_sender.envelope import MAXIMUM_LAYERS, Delivery, UnknownEventError, open_event
from message_sender.sqs_limits import is_allowed
from tests.support import ROOT
from tests.support.builders import eventbridge_event, message, sns_notification, sqs_event, sqs_record, text_attribute

SHAPES = ROOT / "tests" / "shapes"
"""What `sam local generate-event sqs receive-message` and `... cloudwatch scheduled-event` print."""


def field(delivery: Delivery, name: str) -> Any:
    """A field of the message."""
    assert isinstance(delivery.content, dict)
    return delivery.content[name]


def opened(event: object) -> Delivery:
    """Open an event that holds one message."""
    (delivery,) = open_event(event)
    return delivery


# --- every row of the table -----------------------------------------------------------------------------------------

Wrap = Callable[[Any], tuple[Any, str]]
"""Puts a message into an envelope; returns the event and the default key."""


def _sqs(content: Any) -> tuple[Any, str]:
    return sqs_event(sqs_record(content, message_id="sqs-id")), "sqs-id"


def _sqs_eventbridge(content: Any) -> tuple[Any, str]:
    event = eventbridge_event(content, id="event-id")
    return sqs_event(sqs_record(event, message_id="sqs-id")), "event-id"


def _sqs_sns(content: Any) -> tuple[Any, str]:
    notification = sns_notification(json.dumps(content), MessageId="sns-id")
    return sqs_event(sqs_record(notification, message_id="sqs-id")), "sns-id"


def _sqs_sns_eventbridge(content: Any) -> tuple[Any, str]:
    notification = sns_notification(json.dumps(eventbridge_event(content, id="event-id")), MessageId="sns-id")
    return sqs_event(sqs_record(notification, message_id="sqs-id")), "event-id"


def _sqs_eventbridge_sns(content: Any) -> tuple[Any, str]:
    event = eventbridge_event(sns_notification(json.dumps(content), MessageId="sns-id"), id="event-id")
    return sqs_event(sqs_record(event, message_id="sqs-id")), "sns-id"


def _eventbridge(content: Any) -> tuple[Any, str]:
    return eventbridge_event(content, id="event-id"), "event-id"


def _eventbridge_array(content: Any) -> tuple[Any, str]:
    return [eventbridge_event(content, id="event-id")], "event-id"


ENVELOPES = {
    "sqs": (_sqs, "sqs"),
    "eventbridge in sqs": (_sqs_eventbridge, "sqs-eventbridge"),
    "sns in sqs": (_sqs_sns, "sqs-sns"),
    "eventbridge in sns in sqs": (_sqs_sns_eventbridge, "sqs-sns-eventbridge"),
    "sns in eventbridge in sqs": (_sqs_eventbridge_sns, "sqs-eventbridge-sns"),
    "eventbridge": (_eventbridge, "eventbridge"),
    "array of eventbridge": (_eventbridge_array, "eventbridge"),
}
every_envelope = pytest.mark.parametrize(("wrap", "envelope"), ENVELOPES.values(), ids=ENVELOPES.keys())


@every_envelope
def test_the_message_is_found_by_the_shape_of_the_event(wrap: Wrap, envelope: str) -> None:
    """The content is the message as it was, the default key the id that the envelope's maker gave it."""
    content = message(text="Grüße 🚚", metadata={"reference": "order-1001"})
    event, default_key = wrap(content)

    delivery = opened(event)

    assert delivery.envelope == envelope
    assert delivery.content == content
    assert delivery.problem is None
    assert delivery.default_key == delivery.key == default_key
    assert delivery.reference == "order-1001"
    assert delivery.provider == "twlo"
    assert isinstance(check(delivery.content), Message)


@every_envelope
def test_the_producers_key_precedes_the_default(wrap: Wrap, envelope: str) -> None:
    """`metadata.idempotency_key` counts in any envelope."""
    event, _ = wrap(message(metadata={"idempotency_key": "order-1001-shipped"}))

    assert opened(event).key == "order-1001-shipped"


@every_envelope
def test_the_body_is_kept_as_it_came(wrap: Wrap, envelope: str) -> None:
    """A dead letter can hold what came: the SQS body to the letter, a direct event as JSON."""
    event, _ = wrap(message())

    body = opened(event).body

    if isinstance(event, dict) and "Records" in event:
        assert body == event["Records"][0]["body"]
    else:
        assert json.loads(body) == (event[0] if isinstance(event, list) else event)


@every_envelope
@pytest.mark.parametrize("content", [None, "text", 5, [], [message()], {}], ids=repr)
def test_any_content_is_a_delivery(wrap: Wrap, envelope: str, content: Any) -> None:
    """What is no message is still one delivery, which is then refused on its own."""
    event, _ = wrap(content)

    delivery = opened(event)

    assert delivery.problem or not isinstance(check(delivery.content), Message)


@every_envelope
def test_a_delivery_shows_nothing_of_the_message(wrap: Wrap, envelope: str) -> None:
    """Its representation, which may end up in a traceback, holds no content."""
    event, _ = wrap(message())

    shown = repr(opened(event))

    assert "6175550123" not in shown
    assert "shipped" not in shown


# --- precedence of the key ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "metadata", "wrapped"), list(product(["from-attribute", ""], ["from-metadata", ""], [True, False]))
)
def test_the_precedence_of_the_key(attribute: str, metadata: str, *, wrapped: bool) -> None:
    """Our attribute, then the producer's metadata, then the id of the envelope."""
    content = message(metadata={"idempotency_key": metadata} if metadata else {})
    body = eventbridge_event(content, id="from-event") if wrapped else content
    attributes = {"IDEMPOTENCY_KEY": text_attribute(attribute)} if attribute else {}

    delivery = opened(sqs_event(sqs_record(body, attributes=attributes, message_id="from-sqs")))

    assert delivery.key == (attribute or metadata or ("from-event" if wrapped else "from-sqs"))


@pytest.mark.parametrize(
    "key", ["", "k" * 257, 5, None, ["k"], {"k": "k"}, "\ud800"], ids=["empty", "long", "5", "null", "[]", "{}", "half"]
)
def test_a_key_that_is_none_is_passed_over(key: object) -> None:
    """The message is invalid; until it is dead-lettered it goes by the envelope's id."""
    body = json.dumps(message() | {"metadata": {"idempotency_key": key, "reference": key}})

    delivery = opened(sqs_event(sqs_record(body, message_id="from-sqs")))

    assert delivery.key == "from-sqs"
    assert delivery.reference is None


@pytest.mark.parametrize(
    "event", [sns_notification(json.dumps(message()), MessageId=""), eventbridge_event(message(), id="")]
)
def test_an_empty_id_is_no_key(event: dict[str, Any]) -> None:
    """Two messages whose envelope has an empty id are not one message."""
    delivery = opened(sqs_event(sqs_record(event, message_id="from-sqs")))

    assert delivery.key == "from-sqs"
    assert delivery.content == message()


@pytest.mark.parametrize("body", ["not JSON", "[]", json.dumps({"metadata": "x"})])
def test_the_attribute_is_the_key_whatever_the_body(body: str) -> None:
    """A redriven dead letter keeps its key even where its body cannot be read."""
    attributes = {"IDEMPOTENCY_KEY": text_attribute("k"), "UNKNOWN_ATTEMPT": text_attribute("a1")}

    delivery = opened(sqs_event(sqs_record(body, attributes=attributes)))

    assert delivery.key == "k"
    assert delivery.unknown_attempt == "a1"


# --- batches --------------------------------------------------------------------------------------------------------


def test_a_batch_may_mix_envelopes() -> None:
    """Each record is opened for itself, in the order of the batch."""
    texts = ["one", "two", "three"]
    plain, rule, topic = (message(text=text) for text in texts)
    records = [sqs_record(plain), sqs_record(eventbridge_event(rule)), sqs_record(sns_notification(json.dumps(topic)))]

    deliveries = open_event(sqs_event(*records))

    assert [delivery.envelope for delivery in deliveries] == ["sqs", "sqs-eventbridge", "sqs-sns"]
    assert [field(delivery, "text") for delivery in deliveries] == texts
    assert [delivery.id for delivery in deliveries] == [record["messageId"] for record in records]


BAD_BODIES = {
    "not JSON": ("hello", "not JSON: Expecting value at line 1 column 1"),
    "empty": ("", "not JSON: Expecting value at line 1 column 1"),
    "cut off": ('{"to": "+1617', "not JSON: Unterminated string starting at at line 1 column 8"),
    "an infinite number": ('{"to": 1e999}', "not JSON: a number is out of range"),
    "a name twice": ('{"to": "1", "to": "2"}', "to: given twice in one object"),
    "nested too deeply": ("[" * 100_000, "not JSON that can be read: nested too deeply"),
    "an event without an id": (
        {name: value for name, value in eventbridge_event(message()).items() if name != "id"},
        "not a whole EventBridge event: id: required",
    ),
    "an event with a null id": (
        eventbridge_event(message(), id=None),
        "not a whole EventBridge event: id: must be a string",
    ),
    "an event whose detail is text": (
        eventbridge_event(json.dumps(message())),
        "not a whole EventBridge event: detail: must be an object",
    ),
    "a notification of text": (
        sns_notification("hello", MessageId="bad"),
        "Message: not JSON: Expecting value at line 1 column 1",
    ),
    "a notification without text": (
        sns_notification("", MessageId="bad"),
        "Message: not JSON: Expecting value at line 1 column 1",
    ),
    "a notification without an id": (
        {name: value for name, value in sns_notification("{}").items() if name != "MessageId"},
        "not a whole SNS notification: MessageId: required",
    ),
}


@pytest.mark.parametrize(("body", "problem"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
@pytest.mark.parametrize("position", [0, 1, 2])
def test_one_bad_record_never_touches_its_neighbours(body: Any, problem: str, position: int) -> None:
    """It is a delivery with a problem, and its body is kept for the dead letter."""
    records = [sqs_record(message(text=str(number))) for number in range(2)]
    records.insert(position, sqs_record(body, message_id="bad"))

    deliveries = open_event(sqs_event(*records))

    bad = deliveries.pop(position)
    assert (bad.id, bad.key, bad.problem, bad.content) == ("bad", "bad", problem, None)
    assert bad.body == records[position]["body"]
    assert [field(delivery, "text") for delivery in deliveries] == ["0", "1"]
    assert all(delivery.problem is None for delivery in deliveries)


@pytest.mark.parametrize("character", ["\ufffe", "\uffff", "\x00", "\x1f", "\ud800"])
def test_a_direct_event_is_written_as_sqs_takes_it(character: str) -> None:
    """Some characters SQS refuses, raw; escaped it takes each, and the same event comes out of it again."""
    event = eventbridge_event(message(text=f"before {character} after"))

    (delivery,) = open_event(event)

    assert is_allowed(delivery.body)
    assert json.loads(delivery.body) == event


def test_an_array_may_hold_a_bad_element() -> None:
    """Events beside it are sent; what cannot be one is a delivery with a problem."""
    good = eventbridge_event(message())
    no_id = {name: value for name, value in eventbridge_event(message()).items() if name != "id"}
    no_detail = {**eventbridge_event(message()), "detail": "text"}

    deliveries = open_event([no_id, good, "text", no_detail, None, 5, {}, []])

    problems = [delivery.problem for delivery in deliveries]
    no_event = "not an EventBridge event: no id"
    no_object = "not a whole EventBridge event: detail: must be an object"
    assert problems == [no_event, None, no_event, no_object, no_event, no_event, no_event, no_event]
    assert deliveries[1].content == message()
    assert [json.loads(delivery.body) for delivery in deliveries][2:] == ["text", no_detail, None, 5, {}, []]


def test_an_empty_batch_has_no_deliveries() -> None:
    """SQS does not send one, and it would ask for nothing."""
    assert open_event({"Records": []}) == []


# --- look-alikes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"detail": message(), "source": "com.example"},
        {"detail-type": "Send Message", "detail": message()},
        {"Type": "Notification", "Message": json.dumps(message())},
        {"Type": "SubscriptionConfirmation", "TopicArn": "arn", "MessageId": "x", "Message": "{}"},
        {"Records": [sqs_record(message())]},
        [eventbridge_event(message())],
    ],
    ids=["no detail-type", "no source", "no topic", "confirmation", "an event in a body", "an array in a body"],
)
def test_what_only_resembles_an_envelope_is_taken_for_a_message(body: Any) -> None:
    """It is refused as one, naming the fields that no message has."""
    delivery = opened(sqs_event(sqs_record(body)))

    assert delivery.envelope == "sqs"
    assert delivery.content == body
    assert not isinstance(check(delivery.content), Message)


@pytest.mark.parametrize("source", ["com.example.orders", "aws.scheduler", "", "любой"])
@pytest.mark.parametrize("detail_type", ["Send Message", "Scheduled Event", ""])
def test_any_source_and_detail_type_is_opened(source: str, detail_type: str) -> None:
    """Which events are messages is the rule's choice, not the function's."""
    event = eventbridge_event(message(), source=source, **{"detail-type": detail_type})

    assert opened(event).content == opened(sqs_event(sqs_record(event))).content == message()


def test_fields_that_an_envelope_may_have_besides_are_ignored() -> None:
    """A replayed event and a notification with a subject and attributes are what they were."""
    event = eventbridge_event(message(), **{"replay-name": "again", "trace-header": "x"})
    attributes = {"Team": {"Type": "String", "Value": "parcels"}}
    notification = sns_notification(json.dumps(message()), Subject="Parcel", MessageAttributes=attributes)

    deliveries = open_event(sqs_event(sqs_record(event), sqs_record(notification)))

    assert [delivery.content for delivery in deliveries] == [message(), message()]


def test_a_raw_notification_is_the_message_itself() -> None:
    """With raw message delivery on there is no SNS envelope, and the key is the SQS message's id."""
    delivery = opened(sqs_event(sqs_record(message(), message_id="sqs-id")))

    assert (delivery.envelope, delivery.key) == ("sqs", "sqs-id")


# --- events of no known shape ---------------------------------------------------------------------------------------

S3 = {"eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1", "s3": {"bucket": {"name": "b"}}}
SNS = {"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": sns_notification(json.dumps(message()))}
KINESIS = {"eventSource": "aws:kinesis", "kinesis": {"data": base64.b64encode(b"{}").decode()}, "eventID": "1"}
DYNAMODB = {"eventSource": "aws:dynamodb", "eventName": "INSERT", "dynamodb": {}}

UNKNOWN: dict[str, Any] = {
    "S3": {"Records": [S3]},
    "SNS without a queue": {"Records": [SNS]},
    "Kinesis": {"Records": [KINESIS]},
    "DynamoDB streams": {"Records": [DYNAMODB]},
    "an S3 record beside one from SQS": {"Records": [sqs_record(message()), S3]},
    "records that are no objects": {"Records": ["x", None, 5]},
    "records that are no array": {"Records": {"a": 1}},
    "an SQS record without a receipt": {
        "Records": [{name: value for name, value in sqs_record(message()).items() if name != "receiptHandle"}]
    },
    "an SQS record whose body is an object": {"Records": [{**sqs_record(message()), "body": message()}]},
    "an SQS record whose body is null": {"Records": [{**sqs_record(message()), "body": None}]},
    "an SQS record with an attribute that is not base64": {
        "Records": [sqs_record(message(), attributes={"a": {"binaryValue": "%", "dataType": "Binary"}})]
    },
    "an HTTP request": {"version": "2.0", "routeKey": "$default", "body": json.dumps(message())},
    "a message without an envelope": message(),
    "an empty object": {},
    "an empty array": [],
    "an array of strings": ["x", "y"],
    "an array of messages": [message()],
    "null": None,
    "a string": json.dumps(eventbridge_event(message())),
    "an empty string": "",
    "a number": 5,
    "true": True,
}


@pytest.mark.parametrize("event", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_event_of_no_known_shape_fails_loudly(event: object) -> None:
    """Whoever invoked the function keeps the event: SQS in the queue, Lambda for its on-failure destination."""
    with pytest.raises(UnknownEventError) as refusal:
        open_event(event)

    assert "6175550123" not in str(refusal.value)
    assert "shipped" not in str(refusal.value)


def test_a_record_that_is_not_from_sqs_is_named_by_its_fields() -> None:
    """The error says what made it no record, in the field's words."""
    record = sqs_record(message())
    del record["attributes"]["SentTimestamp"]
    del record["receiptHandle"]

    with pytest.raises(UnknownEventError, match=r"receiptHandle: required; attributes\.SentTimestamp: required"):
        open_event(sqs_event(record))


# --- what a record brings -------------------------------------------------------------------------------------------


def test_attributes_can_be_sent_again() -> None:
    """They come out in the shape that SendMessage takes: strings and numbers as text, bytes as bytes."""
    attributes = {
        "Team": text_attribute("parcels"),
        "Size": {"stringValue": "42", "dataType": "Number.int"},
        "Blob": {"binaryValue": base64.b64encode(b"\x00\xff").decode(), "dataType": "Binary.png"},
        "IDEMPOTENCY_KEY": {"binaryValue": base64.b64encode(b"k").decode(), "dataType": "Binary"},
    }

    delivery = opened(sqs_event(sqs_record(message(), attributes=attributes, message_id="sqs-id")))

    assert delivery.attributes == {
        "Team": {"DataType": "String", "StringValue": "parcels"},
        "Size": {"DataType": "Number.int", "StringValue": "42"},
        "Blob": {"DataType": "Binary.png", "BinaryValue": b"\x00\xff"},
        "IDEMPOTENCY_KEY": {"DataType": "Binary", "BinaryValue": b"k"},
    }
    assert delivery.key == "sqs-id"  # a key is text


def test_what_the_queue_knows_of_a_record() -> None:
    """Receipt, receive count and times are read as numbers."""
    record = sqs_record(message(), receives=3, sent_at=1795428000.5, first_received_at=1795428001.0, receipt_handle="r")

    delivery = opened(sqs_event(record))

    assert delivery.receives == 3
    assert delivery.record
    assert delivery.record.receipt_handle == "r"
    assert (delivery.record.sent_at, delivery.record.first_received_at) == (1795428000.5, 1795428001.0)


def test_only_a_fifo_queue_has_groups() -> None:
    """A group of a standard queue (fair queues) says nothing about order."""
    fifo = sqs_record(message(), group="g")
    standard = {**fifo, "eventSourceARN": fifo["eventSourceARN"].removesuffix(".fifo")}

    first, second = open_event(sqs_event(fifo, standard))

    assert first.record
    assert first.record.group_id == "g"
    assert second.record
    assert second.record.group_id is None


def test_a_direct_event_has_no_record() -> None:
    """Nothing can be handed back to a queue that it did not come from."""
    delivery = opened(eventbridge_event(message()))

    assert delivery.record is None
    assert delivery.receives == 1


# --- shapes that SAM generates --------------------------------------------------------------------------------------


def test_the_record_that_sam_generates_goes_through() -> None:
    """`sam local generate-event sqs receive-message`, its body replaced by a message."""
    event = json.loads((SHAPES / "sqs-receive-message.json").read_text())
    event["Records"][0]["body"] = json.dumps(message())

    delivery = opened(event)

    assert delivery.key == "19dd0b57-b21e-4ac1-bd88-01bbb068cb78"
    assert isinstance(check(delivery.content), Message)


@pytest.mark.parametrize(
    "place", [lambda event: event, lambda event: [event], lambda event: sqs_event(sqs_record(event))]
)
def test_the_event_that_sam_generates_goes_through(place: Callable[[Any], Any]) -> None:
    """`sam local generate-event cloudwatch scheduled-event`, its detail replaced by a message; it has no `version`."""
    event = json.loads((SHAPES / "cloudwatch-scheduled-event.json").read_text())
    event["detail"] = message()

    delivery = opened(place(event))

    assert delivery.key == "cdc73f9d-aea9-11e3-9d5a-835b769c0d9c"
    assert isinstance(check(delivery.content), Message)


# --- layers, and what is not required --------------------------------------------------------------------------------


def test_envelopes_within_envelopes_are_bounded() -> None:
    """More layers than AWS can make are refused, with the key of the innermost that was opened."""
    content: Any = message()
    for number in range(MAXIMUM_LAYERS + 1):
        content = eventbridge_event(content, id=f"event-{number}")

    delivery = opened(sqs_event(sqs_record(content)))

    assert delivery.problem == f"more than {MAXIMUM_LAYERS} envelopes within each other"
    assert delivery.content is None
    assert delivery.key == "event-1"


@pytest.mark.parametrize("wrap", [wrap for wrap, _ in ENVELOPES.values()], ids=ENVELOPES.keys())
def test_the_producers_own_characters_are_kept(wrap: Wrap) -> None:
    """From the queue, through every layer; Lambda's runtime has read what comes directly."""
    event, _ = wrap(message(contact_saving={"extra_fields": {"price": "PRICE"}}))
    is_queued = isinstance(event, dict) and "Records" in event
    if is_queued:
        event["Records"][0]["body"] = re.sub(r'\\*"PRICE\\*"', "10.00", event["Records"][0]["body"])

    text = opened(event).content_text

    assert ("10.00" in (text or "")) is is_queued


@pytest.mark.parametrize(
    "change",
    [
        {"md5OfBody": None},
        {"awsRegion": None},
        {"eventSource": None},
        {"messageAttributes": None},
        {"messageAttributes": {"a": {"stringValue": "x", "stringListValues": None, "dataType": "String"}}},
        {"eventSourceARN": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("missing", [False, True])
def test_what_is_not_used_of_a_record_is_not_required(change: dict[str, Any], *, missing: bool) -> None:
    """A null, or a field that is not there, does not fail the batch."""
    record = {**sqs_record(message()), **change}
    if missing:
        record = {name: value for name, value in record.items() if value is not None}
    del record["attributes"]["SenderId"]

    delivery = opened(sqs_event(record))

    assert delivery.problem is None
    assert isinstance(check(delivery.content), Message)


@pytest.mark.parametrize("name", ["UnsubscribeURL", "SigningCertURL", "Signature", "SignatureVersion", "Timestamp"])
def test_what_is_not_used_of_a_notification_is_not_required(name: str) -> None:
    """A topic's settings, or another version of SNS, leave fields out."""
    notification = sns_notification(json.dumps(message()))
    del notification[name]

    assert opened(sqs_event(sqs_record(notification))).problem is None


@pytest.mark.parametrize("name", ["account", "time", "region", "resources", "version"])
def test_what_is_not_used_of_an_event_is_not_required(name: str) -> None:
    """An InputTransformer may make an event of what it likes."""
    event = eventbridge_event(message())
    del event[name]

    assert opened(event).problem is None
    assert opened(sqs_event(sqs_record(event))).problem is None


def test_only_the_decision_is_obeyed() -> None:
    """A moved dead letter names its attempt; only the command line's redrive says that it is to be sent again."""
    moved = opened(sqs_event(sqs_record(message(), attributes={"UNKNOWN_ATTEMPT": text_attribute("a")})))
    decided = opened(sqs_event(sqs_record(message(), attributes={"RESEND_ATTEMPT": text_attribute("a")})))

    assert (moved.unknown_attempt, moved.resend_attempt) == ("a", None)
    assert (decided.unknown_attempt, decided.resend_attempt) == (None, "a")
