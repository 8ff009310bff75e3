"""The whole function against real queues, a real table and the API simulator: one test for each way through it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tests.support.builders import eventbridge_event, message, sns_notification, sqs_event, sqs_record
from tests.support.world import FakeContext, World

SAMPLES = sorted(path for path in (ROOT / "events").glob("*.json") if path.name != "message.schema.json")


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_ends_as_its_name_says(path: Path, world: World) -> None:
    """A sample is accepted, each message in it once; one with "invalid" in its name is dead-lettered with a reason."""
    event = json.loads(path.read_text())
    expected = len(event["Records"]) if "Records" in event else len(event) if isinstance(event, list) else 1

    answer = world.application().handle(event, FakeContext())

    assert answer == {"batchItemFailures": []}
    dead = world.receive(dead=True)
    if "invalid" in path.stem:
        assert [letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] for letter in dead] == ["INVALID_MESSAGE"]
        assert world.sociocs.count == 0
    else:
        assert not dead
        assert world.sociocs.accepted_count == expected


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda m: sqs_event(sqs_record(m)), id="sqs"),
        pytest.param(lambda m: sqs_event(sqs_record(eventbridge_event(m))), id="sqs-eventbridge"),
        pytest.param(lambda m: sqs_event(sqs_record(sns_notification(json.dumps(m)))), id="sqs-sns"),
        pytest.param(eventbridge_event, id="eventbridge"),
        pytest.param(lambda m: [eventbridge_event(m)], id="eventbridge-array"),
    ],
)
def test_a_message_in_any_envelope_is_sent_once(wrap: Any, world: World) -> None:
    """The same event handled twice is one request to the API."""
    event, application = wrap(message()), world.application()

    first = application.handle(event, FakeContext())
    second = application.handle(event, FakeContext())

    assert first == second == {"batchItemFailures": []}
    assert world.sociocs.count == 1
