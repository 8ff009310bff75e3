"""The published JSON Schema: fresh, sound, and good enough to complete in an editor and to generate code from."""

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from message_sender.contract.message import Message, check
from message_sender.envelope import open_event
from tests.support.builders import gupshup_template, message, twilio_template
from tools.write_schema import PATH, schema, text

EVENTS = PATH.parent
SAMPLES = sorted(path for path in EVENTS.glob("*.json") if path != PATH)
VALIDATOR = Draft202012Validator(schema())


def test_the_published_schema_is_what_the_model_says() -> None:
    """A stale file fails here: `make schema` writes it again."""
    assert PATH.read_text(encoding="utf-8") == text()


def test_the_schema_is_sound() -> None:
    """It is JSON Schema 2020-12 and names itself."""
    Draft202012Validator.check_schema(schema())

    assert schema()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema()["$id"].startswith("urn:")
    assert schema()["title"]
    assert schema()["description"]


def _nodes(node: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Find every subschema that describes something, with its path."""
    if isinstance(node, dict):
        yield path, node
        for name in ("properties", "$defs"):
            for key, child in node.get(name, {}).items():
                yield from _nodes(child, f"{path}/{name}/{key}")


DESCRIBED = [(path, node) for path, node in _nodes(schema()) if path.count("/")]
PROPERTIES = [(path, node) for path, node in DESCRIBED if path.split("/")[-2] == "properties"]


@pytest.mark.parametrize(("path", "node"), PROPERTIES, ids=[path for path, _ in PROPERTIES])
def test_every_field_is_described_for_people(path: str, node: dict[str, Any]) -> None:
    """An editor shows a title, a description and, where the field is not an object of ours, an example."""
    target = schema()["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node

    assert target["title"]
    assert node.get("description") or target["description"]
    assert "$ref" in node or node["examples"]
    assert "_" not in target["title"]
    assert None not in target.values()


@pytest.mark.parametrize(("path", "node"), DESCRIBED, ids=[path for path, _ in DESCRIBED])
def test_every_example_is_valid(path: str, node: dict[str, Any]) -> None:
    """What the schema shows, it accepts."""
    validator = Draft202012Validator({**node, "$defs": schema()["$defs"]})

    for example in node.get("examples", []):
        validator.validate(example)


def test_every_part_has_a_name() -> None:
    """A code generator makes a class of each, the shapes of the variables included."""
    names = {"ContactSaving", "GupshupVariables", "Metadata", "Template", "TwilioVariables"}

    assert set(schema()["$defs"]) == names
    variables = schema()["$defs"]["Template"]["properties"]["variables"]
    assert variables["anyOf"] == [{"$ref": "#/$defs/TwilioVariables"}, {"$ref": "#/$defs/GupshupVariables"}]


def test_no_other_field_is_allowed_anywhere() -> None:
    """An editor underlines a misspelt name."""
    objects = [node for path, node in _nodes(schema()) if "properties" in node]

    assert len(objects) == 5
    assert all(node["additionalProperties"] is False for node in objects)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_judged_as_its_name_says(path: Path) -> None:
    """Schema and model accept the messages of a sample, or refuse the one in a sample named invalid."""
    deliveries = open_event(json.loads(path.read_text(encoding="utf-8")))

    assert deliveries
    for delivery in deliveries:
        valid = "invalid" not in path.stem
        assert isinstance(check(delivery.content), Message) is valid
        assert VALIDATOR.is_valid(delivery.content) is valid


def _messages(*also: dict[str, Any]) -> list[dict[str, Any]]:
    return [message(), twilio_template(), gupshup_template(), *also]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (message(shedule="x"), "additionalProperties"),
        (message(text=None), "anyOf"),
        (message(text=" "), "anyOf"),
        (message(template={"id": "x"}), "allOf/0/then/properties"),
        (twilio_template(image_url="https://a.example/b"), "allOf/1/then/properties"),
        (twilio_template(template={"id": "x", "variables": {"1": None}}), "properties/template"),
        (gupshup_template(file_url="https://a.example/b"), "allOf/2/then/properties"),
        (gupshup_template(template={"id": "x", "variables": {"1": "a"}}), "allOf/2/then/properties"),
    ],
)
def test_the_rules_between_fields_are_in_the_schema(content: dict[str, Any], place: str) -> None:
    """Content and provider are judged by the schema itself, not only by the function."""
    errors = VALIDATOR.iter_errors(content)

    assert any("/".join(map(str, error.absolute_schema_path)).startswith(place) for error in errors)


@pytest.mark.parametrize("content", _messages(), ids=["twlo", "twlowa", "gswa"])
def test_a_message_of_each_provider_is_valid(content: dict[str, Any]) -> None:
    """The builders' messages, which most tests send."""
    VALIDATOR.validate(content)


# --- where schema and model differ ----------------------------------------------------------------------------------

_TOO_DEEP = json.loads('{"a":' * 120 + "1" + "}" * 120)


@pytest.mark.parametrize(
    "content",
    [
        message(schedule="2026-02-29T00:00:00Z"),
        message(metadata={"expires_at": "2100-02-29T00:00:00Z"}),
        message(contact_saving={"extra_fields": _TOO_DEEP}),
        message(metadata={"idempotency_key": "\ud800"}),
        message(metadata={"reference": "\ud800"}),
    ],
    ids=["29 February", "29 February 2100", "nested too deeply", "half a character", "half a character in a reference"],
)
def test_what_json_schema_cannot_say(content: dict[str, Any]) -> None:
    """Three rules are the model's alone: 29 February needs a calendar, depth a count, half a character is no key.

    docs/contract.md lists them; everything else is the same, which tests/property shows.
    """
    VALIDATOR.validate(content)
    assert not isinstance(check(content), Message)


def test_the_schema_holds_for_all_that_is_documented_here() -> None:
    """Nothing in the schema refers to a part that is not there."""
    parts = json.dumps(schema())
    references = {reference.split('"')[0] for reference in parts.split("#/$defs/")[1:]}

    assert references == set(chain(schema()["$defs"]))
