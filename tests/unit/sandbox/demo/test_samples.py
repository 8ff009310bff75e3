"""The sample files, read as messages."""

import json
from pathlib import Path

from sandbox.demo.samples import EVENTS, read_samples

MESSAGE = {"provider": "twlo", "channel_key": "k", "to": "+16175551212", "text": "a"}


def test_samples_of_each_envelope(tmp_path: Path) -> None:
    """Records, events and arrays of events are read with their way in, content, key and attributes."""
    event = {"id": "e", "detail-type": "Send Message", "source": "s", "detail": MESSAGE}
    note = {"Type": "Notification", "TopicArn": "t", "MessageId": "n", "Message": json.dumps(MESSAGE)}
    bodies = [json.dumps(MESSAGE), json.dumps(event), json.dumps(note), "not JSON"]
    attribute = {"stringValue": "x", "dataType": "String", "stringListValues": []}
    records = [{"body": body, "messageAttributes": {"A": attribute}} for body in bodies]
    (tmp_path / "sqs-all.json").write_text(json.dumps({"Records": records}))
    (tmp_path / "eventbridge-many.json").write_text(json.dumps([event, event]))
    (tmp_path / "message.schema.json").write_text("{}")
    samples = read_samples(tmp_path)
    assert [s.name for s in samples[:3]] == ["eventbridge-many 1/2", "eventbridge-many 2/2", "sqs-all 1/4"]
    assert [s.way_in for s in samples[1:]] == [
        "EventBridge",
        "SQS",
        "EventBridge in SQS",
        "SNS in SQS",
        "SQS",
    ]
    assert [s.content for s in samples[1:]] == [MESSAGE, MESSAGE, MESSAGE, MESSAGE, None]
    assert [s.own_key for s in samples[1:]] == [None, None, "e", "n", None]
    assert samples[2].attributes == {"A": {"DataType": "String", "StringValue": "x"}}


def test_every_sample_file_is_read() -> None:
    """Every file in events/ except the schema is read."""
    read = {s.name.split(" ")[0] for s in read_samples()}
    assert read == {file.stem for file in EVENTS.glob("*.json")} - {"message.schema"}
