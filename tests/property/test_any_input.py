"""Any input ends in exactly one outcome and raises no exception."""

import json
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from message_sender import dead_letter
from message_sender.contract.message import Message, check
from message_sender.envelope import Delivery, UnknownEventError, open_event
from message_sender.ledger import Begun
from message_sender.observability import Observer
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.pace import Breaker, Gate, Pace
from message_sender.sending import Sender
from message_sender.sqs_limits import message_bytes
from tests.support.builders import eventbridge_event, sns_notification, sqs_event, sqs_record
from tests.support.contract_strategies import bodies, json_values, mistaken_messages, valid_messages
from tests.support.function_settings import function_settings

SETTINGS = function_settings()


any_text = st.text(st.characters(exclude_categories=()), min_size=1, max_size=3)


class AcceptingClient:
    """A client whose API accepts every request. It keeps the bodies."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def begin(self) -> None:
        """See `SociocsClient.begin`."""

    def send(self, body: bytes, *_: object) -> Outcome:
        """Keep the body and accept it."""
        self.bodies.append(body)
        return Accepted("Xyz12345")


class EmptyLedger:
    """A ledger without any key."""

    is_clogged = False

    def begin(self, *_: object) -> Begun:
        """Let anyone send."""
        return Begun(0)

    def look(self, *_: object) -> None:
        """Find no item."""

    def finish_accepted(self, *_: object) -> None:
        """Store nothing."""


def send(delivery: Delivery) -> tuple[Outcome, list[bytes]]:
    """Send one delivery and return the outcome and the bodies that the API got."""
    client = AcceptingClient()
    sender = Sender(cast(Any, client), cast(Any, EmptyLedger()), SETTINGS, Observer())
    gate = Gate(Pace(0), Breaker(1), float("inf"))
    return sender.send(delivery, gate, answer_by=float("inf"), over_at=0.0), client.bodies


def assert_ends_in_one_outcome(delivery: Delivery) -> None:
    """Assert that it is sent once, or that it can become a dead letter with a reason."""
    outcome, sent = send(delivery)

    for name in (delivery.id, delivery.key, delivery.reference or "", delivery.body):
        name.encode()  # the log, the attributes and the queue encode it as UTF-8
    assert isinstance(outcome, Accepted | Rejected | Deferred | Unknown)
    if isinstance(outcome, Accepted):
        assert len(sent) == 1
        assert isinstance(check(delivery.content), Message)
        return
    assert isinstance(outcome, Rejected)
    assert outcome.code in (ErrorCode.INVALID_MESSAGE, ErrorCode.EXPIRED)
    assert outcome.reason
    assert not sent
    letter = dead_letter.entry(delivery, outcome, 0.0, fifo=False)
    assert letter["MessageBody"] == delivery.body
    assert message_bytes(letter) > 0
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == outcome.code


@given(bodies)
def test_any_body_ends_in_one_outcome(body: str) -> None:
    """The bodies are text, bytes, any JSON, deep nesting, huge numbers and repeated names."""
    (delivery,) = open_event(sqs_event(sqs_record(body)))

    assert_ends_in_one_outcome(delivery)


@given(bodies, st.just("6002c671") | any_text)
def test_any_notification_ends_in_one_outcome(body: str, name: str) -> None:
    """The same holds for a body in an SNS notification with any id."""
    notification = json.dumps(sns_notification(body, MessageId=name))
    (delivery,) = open_event(sqs_event(sqs_record(notification)))

    assert_ends_in_one_outcome(delivery)


@given(json_values | mistaken_messages() | valid_messages, st.just("7468c241") | any_text)
def test_any_detail_ends_in_one_outcome(detail: Any, name: str) -> None:
    """The same holds for the detail of an event with any id, on the queue and in a direct invocation."""
    event = eventbridge_event(detail, id=name)

    for delivery in open_event(sqs_event(sqs_record(json.dumps(event)))) + open_event([event]):
        assert_ends_in_one_outcome(delivery)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_direct_event_with_a_number_that_json_does_not_have(number: float) -> None:
    """Lambda's runtime reads NaN and infinity, which are not JSON and which Sociocs would refuse."""
    extra = {"provider": "twlo", "channel_key": "c", "to": "+16175550123", "text": "x"}
    (delivery,) = open_event(eventbridge_event({**extra, "contact_saving": {"extra_fields": {"a": number}}}))

    assert_ends_in_one_outcome(delivery)


def _nested(depth: int) -> dict[str, Any]:
    content = {"provider": "twlo", "channel_key": "c", "to": "+16175550123", "text": "x"}
    inner: Any = 1
    for _ in range(depth):
        inner = {"a": inner}
    return {**content, "contact_saving": {"extra_fields": inner}}


@pytest.mark.parametrize("depth", [95, 105, *range(900, 1000)])
def test_any_depth_is_handled_or_handed_back(depth: int) -> None:
    """At each depth the message is sent, or refused, or the whole event is refused. Nothing else is raised."""
    text = f'{{"provider":"twlo","channel_key":"c","to":"+16175550123","text":"x","a":{"[" * depth}{"]" * depth}}}'
    deliveries = open_event(sqs_event(sqs_record(text)))
    deliveries += open_event(
        sqs_event(sqs_record(text.replace(',"a":', ',"contact_saving":{"extra_fields":{"a":') + "}}"))
    )
    try:
        deliveries += open_event(eventbridge_event(_nested(depth)))
    except UnknownEventError:
        # An event that cannot be written as JSON again fails as a whole. Lambda sends it to the on-failure destination.
        assert depth > 800
    for delivery in deliveries:
        assert_ends_in_one_outcome(delivery)


@st.composite
def broken_events(draw: st.DrawFn) -> Any:
    """Take a Lambda event and replace or delete one or two of its parts."""
    body = draw(bodies)
    event: Any = draw(
        st.sampled_from(
            [sqs_event(sqs_record(body), sqs_record(body)), eventbridge_event({"a": body}), [eventbridge_event({})]]
        )
    )
    event = json.loads(json.dumps(event))
    for _ in range(draw(st.integers(1, 2))):
        node = event
        while isinstance(node, dict | list) and node:
            name = draw(st.sampled_from(list(node) if isinstance(node, dict) else range(len(node))))
            if isinstance(node[name], dict | list) and node[name] and draw(st.integers(0, 2)):
                node = node[name]
                continue
            if draw(st.booleans()):
                node[name] = draw(json_values)
            else:
                del node[name]
            break
    return event


@given(json_values | broken_events())
def test_any_event_is_opened_or_refused_as_a_whole(event: Any) -> None:
    """The event is refused as a whole, or every delivery of it ends in one outcome."""
    try:
        deliveries = open_event(event)
    except UnknownEventError:
        return
    for delivery in deliveries:
        assert_ends_in_one_outcome(delivery)
