"""An envelope given to `send` is named in one line, instead of by everything that it is not."""

import json
from pathlib import Path

import pytest

from sociocs_cli.envelopes import name_of_envelope
from sociocs_cli.messages import read
from tests.support import ROOT
from tests.support.builders import eventbridge_event, message, sns_notification, sqs_event, sqs_record

SAMPLES = sorted(path for path in (ROOT / "events").glob("*.json") if path.name != "message.schema.json")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_of_an_event_is_named(path: Path) -> None:
    """They are what a newcomer tries first: one line for each event says what it is and where its messages are."""
    valid, refused = read(path.read_text(encoding="utf-8"))

    assert valid == []
    events = json.loads(path.read_text(encoding="utf-8"))
    assert len(refused) == (len(events) if isinstance(events, list) else 1)
    for refusal in refused:
        assert refusal.problem in (
            "this is an SQS event: its messages are in Records[].body",
            "this is an EventBridge event: its message is in detail",
        )


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (sqs_event(sqs_record(message())), "an SQS event"),
        (sqs_record(message()), "a record of an SQS event"),
        (eventbridge_event(message()), "an EventBridge event"),
        (sns_notification("{}"), "an SNS notification"),
        ({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]}, "an SNS event"),
        ({"Messages": [{"MessageId": "m", "ReceiptHandle": "r", "Body": "{}"}]}, "an answer of ReceiveMessage"),
        ({"MessageId": "m", "ReceiptHandle": "r", "Body": "{}"}, "a message as SQS hands it out"),
        ({"MessageBody": "{}", "QueueUrl": "q"}, "an entry of SendMessage"),
        ({"Source": "s", "DetailType": "Send Message", "Detail": "{}"}, "an entry of PutEvents"),
        ({"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}, "a call of PutEvents"),
        ({"requestContext": {}, "requestPayload": {}}, "a record of an event that the function failed"),
    ],
)
def test_each_envelope_has_its_name(value: object, name: str) -> None:
    """Those that AWS makes, and those that its CLI and SDKs take."""
    found = name_of_envelope(value)

    assert found
    assert found.startswith(f"{name}: its message")


@pytest.mark.parametrize("value", [message(), {}, [], "text", {"Records": []}, {"Records": [5]}, {"Records": None}])
def test_nothing_else_is_taken_for_an_envelope(value: object) -> None:
    """What is no envelope is judged as a message, field by field."""
    assert name_of_envelope(value) is None
