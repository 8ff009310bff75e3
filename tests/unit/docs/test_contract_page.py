"""docs/contract.md, the page for producers: the tests run every example on it."""

import json
import re
import shlex
from typing import Any, NamedTuple, cast

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from message_sender.contract.message import ContactSaving, GupshupVariables, Message, Metadata, Template, check
from message_sender.envelope import open_event
from message_sender.observability import Observer
from message_sender.outcome import Accepted, ErrorCode, Outcome, Rejected, Route, Unknown
from message_sender.reporting import Reporter
from message_sender.routing import Routed
from tests.support import ROOT
from tests.support.builders import message, sqs_event, sqs_record
from tools.write_schema import schema

PAGE = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")


class Block(NamedTuple):
    """A fenced block with the headings above it."""

    section: str
    subsection: str
    language: str
    text: str

    @property
    def json(self) -> Any:
        """The block's JSON value."""
        return json.loads(self.text)


def _blocks() -> list[Block]:
    found, section, subsection = [], "", ""
    for match in re.finditer(r"^(##+) ([^\n]+)$|^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
        level, heading, language, text = match.groups()
        if level:
            section, subsection = (heading, "") if level == "##" else (section, heading)
        else:
            found.append(Block(section, subsection, language, text))
    return found


BLOCKS = _blocks()


def blocks(section: str, language: str = "json", subsection: str = "") -> list[Block]:
    """Return the blocks of a section."""
    found = [b for b in BLOCKS if (b.section, b.language) == (section, language)]
    found = [b for b in found if not subsection or b.subsection == subsection]
    assert found, f"no {language} in {section}"
    return found


def numbered(found: list[Block]) -> list[Any]:
    """Make numbered test parameters of blocks."""
    return [pytest.param(block, id=str(number)) for number, block in enumerate(found, 1)]


def test_every_block_is_of_a_kind_that_is_tested() -> None:
    """Every example is covered by one of the tests below."""
    tested = {
        ("json", name) for name in ("Messages", "Envelopes", "Outcome events", "Check messages before you send them")
    }

    assert {(b.language, b.section) for b in BLOCKS if b.language == "json"} == tested
    assert {b.language for b in BLOCKS} == {"json", "sh", "python", "text"}


@pytest.mark.parametrize("block", numbered(blocks("Messages")))
def test_a_message_on_the_page_is_valid(block: Block) -> None:
    """The model and the schema accept it."""
    assert isinstance(check(block.json), Message)
    Draft202012Validator(schema()).validate(block.json)


def test_there_is_a_message_of_each_provider() -> None:
    """The page shows all three providers, and templates of both shapes."""
    shown = [block.json for block in blocks("Messages")]

    assert {content["provider"] for content in shown} == {"twlo", "twlowa", "gswa"}
    assert {content["provider"] for content in shown if "template" in content} == {"twlowa", "gswa"}


@pytest.mark.parametrize("block", numbered(blocks("Envelopes", subsection="Body of an SQS message")))
def test_a_body_on_the_page_holds_a_message(block: Block) -> None:
    """The function finds a valid message in it when it is the body of a record from the queue."""
    (delivery,) = open_event(sqs_event(sqs_record(block.text)))

    assert delivery.problem is None
    assert isinstance(check(delivery.content), Message)


@pytest.mark.parametrize("block", numbered(blocks("Envelopes", subsection="Event of a direct invocation")))
def test_a_direct_event_on_the_page_holds_a_message(block: Block) -> None:
    """The function finds a valid message in it when it is the event of an invocation."""
    (delivery,) = open_event(block.json)

    assert delivery.record is None
    assert isinstance(check(delivery.content), Message)


def test_every_envelope_is_shown() -> None:
    """The page has one example of each envelope."""
    bodies = [open_event(sqs_event(sqs_record(b.text))) for b in blocks("Envelopes", "json", "Body of an SQS message")]
    direct = [open_event(b.json) for b in blocks("Envelopes", "json", "Event of a direct invocation")]

    shown = [str(delivery.envelope) for deliveries in bodies + direct for delivery in deliveries]
    assert shown == ["sqs", "sqs-eventbridge", "sqs-sns", "eventbridge", "eventbridge"]


class RecordingClient:
    """A boto3 client of SQS or EventBridge that keeps the messages it gets."""

    def __init__(self, messages: list[Any]) -> None:
        self._messages = messages

    def send_message(self, *, QueueUrl: str, MessageBody: str, **more: str) -> None:  # noqa: N803 - boto3's names
        """Keep a message. A group and a deduplication id are only for FIFO queues."""
        assert QueueUrl == "https://queue.example"
        assert set(more) in (set(), {"MessageGroupId", "MessageDeduplicationId"})
        message = json.loads(MessageBody)
        self._messages.append(message)
        if more:
            assert more["MessageDeduplicationId"] == message["metadata"]["idempotency_key"]

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, int]:  # noqa: N803 - boto3's name
        """Keep the messages of the entries."""
        assert {entry["DetailType"] for entry in Entries} == {"Send Message"}
        self._messages += [json.loads(entry["Detail"]) for entry in Entries]
        return {"FailedEntryCount": 0}


PYTHON_BLOCKS = [b for b in BLOCKS if b.language == "python"]
README_PYTHON = re.findall(
    r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.mark.parametrize("code", [*(block.text for block in PYTHON_BLOCKS), *README_PYTHON])
def test_a_python_example_runs_and_sends_a_valid_message(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Each example runs alone, in the folder of the repository and with MESSAGE_QUEUE_URL set."""
    messages: list[Any] = []
    client = RecordingClient(messages)
    names: dict[str, Any] = {}
    monkeypatch.setattr("boto3.client", lambda service: {"sqs": client, "events": client}[service])
    monkeypatch.setenv("MESSAGE_QUEUE_URL", "https://queue.example")
    monkeypatch.chdir(ROOT)
    exec(compile(code, "example", "exec"), names)  # noqa: S102 - an example of our own page

    assert isinstance(check(names["message"]), Message)
    assert messages == ([names["message"]] if "boto3" in names else [])


@pytest.mark.parametrize("block", numbered([b for b in BLOCKS if b.language == "sh"]))
def test_a_shell_example_is_a_command_with_a_valid_message(block: Block) -> None:
    """A shell can split the command, and the message in it is valid."""
    words = shlex.split(block.text.replace("\\\n", " "))

    assert words[0] in ("aws", "sociocs")
    if "--message-body" in words:
        assert isinstance(check(json.loads(words[words.index("--message-body") + 1])), Message)
    if "--entries" in words:
        (entry,) = json.loads(words[words.index("--entries") + 1])
        assert entry["DetailType"] == "Send Message"
        assert isinstance(check(json.loads(entry["Detail"])), Message)


def test_every_field_has_its_row() -> None:
    """The table has exactly the fields of the model and of its parts."""
    table = PAGE.split("## Fields")[1].split("###")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    parts: dict[str, type[BaseModel]] = {"template": Template, "contact_saving": ContactSaving, "metadata": Metadata}
    names = {name for name in Message.model_fields if name not in ("contact_saving", "metadata")}
    names |= {f"{part}.{name}" for part, model in parts.items() for name in model.model_fields}

    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == names
    assert all(f"`{name}`" in PAGE for name in GupshupVariables.model_fields)


# --- outcome events and errors --------------------------------------------------------------------------------------


class Bus:
    """An event bus that keeps the entries."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Keep the entries and accept them."""
        self.entries += Entries
        return {"Entries": [{"EventId": "1"} for _ in Entries]}


def published(outcome: Outcome) -> dict[str, Any]:
    """Publish the outcome of a message that has everything an event can tell of."""
    bus, content = Bus(), message(metadata={"idempotency_key": "k", "reference": "r"})
    (delivery,) = open_event(sqs_event(sqs_record(content)))
    route = Route.ACKNOWLEDGED if isinstance(outcome, Accepted) else Route.DEAD_LETTERED
    Reporter(Observer(), cast(Any, bus), "bus").publish([Routed(delivery, outcome, route)], float("inf"))
    (entry,) = bus.entries
    assert entry["Source"] in PAGE
    assert f"`{entry['DetailType']}`" in PAGE
    detail: dict[str, Any] = json.loads(entry["Detail"])
    return detail


def test_the_outcome_events_on_the_page_are_the_ones_that_are_published() -> None:
    """Both examples have the published fields, and the table has a row for each field."""
    accepted, failed = (block.json for block in blocks("Outcome events"))
    table = PAGE.split("## Outcome events")[1].split("\n## ")[0]

    exhausted = Rejected(ErrorCode.RETRIES_EXHAUSTED, "why", ErrorCode.API_UNAVAILABLE)
    assert set(accepted) == set(published(Accepted("Xyz12345")))
    assert set(failed) == set(published(Rejected(ErrorCode.INVALID_MESSAGE, "why")))
    unknown = Unknown("why", "attempt", 1_790_000_000.0)
    fields = {*published(Accepted("Xyz12345")), *published(exhausted), *published(unknown)}
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == fields


def test_the_refusal_on_the_page_is_what_the_function_says() -> None:
    """The function refuses the example with the reason that the page shows."""
    content = message(to=None, shedule="x", contact_saving={"save": "true"})
    said = str(check(content))

    (example,) = blocks("Errors", "text")
    assert set(example.text.strip().split("; ")) == set(said.split("; "))
    failed = blocks("Outcome events")[1].json
    assert set(failed["reason"].split("; ")) == set(str(check(message(to=None, shedule="x"))).split("; "))
