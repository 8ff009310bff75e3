"""The published JSON Schema is current, valid, and useful for editors and code generators."""

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
    """The file is the same as the generated schema. `make schema` writes it."""
    assert PATH.read_text(encoding="utf-8") == text()


def test_the_schema_is_sound() -> None:
    """It is valid JSON Schema 2020-12 and has an id, a title and a description."""
    Draft202012Validator.check_schema(schema())

    assert schema()["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    assert schema()["$id"].startswith("urn:")
    assert schema()["title"]
    assert schema()["description"]


def _nodes(node: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every subschema with its path."""
    if isinstance(node, dict):
        yield path, node
        for name in ("properties", "$defs"):
            for key, child in node.get(name, {}).items():
                yield from _nodes(child, f"{path}/{name}/{key}")


DESCRIBED = [(path, node) for path, node in _nodes(schema()) if path.count("/")]
PROPERTIES = [(path, node) for path, node in DESCRIBED if path.split("/")[-2] == "properties"]


@pytest.mark.parametrize(("path", "node"), PROPERTIES, ids=[path for path, _ in PROPERTIES])
def test_every_field_is_described_for_people(path: str, node: dict[str, Any]) -> None:
    """Each field has a title, a description and, if it is not a part with its own schema, an example."""
    target = schema()["$defs"][node["$ref"].rsplit("/", 1)[1]] if "$ref" in node else node

    assert target["title"]
    assert node.get("description") or target["description"]
    assert "$ref" in node or node["examples"]
    assert "_" not in target["title"]
    assert None not in target.values()


@pytest.mark.parametrize(("path", "node"), DESCRIBED, ids=[path for path, _ in DESCRIBED])
def test_every_example_is_valid(path: str, node: dict[str, Any]) -> None:
    """The schema accepts its own examples."""
    validator = Draft202012Validator({**node, "$defs": schema()["$defs"]})

    for example in node.get("examples", []):
        validator.validate(example)


def test_every_part_has_a_name() -> None:
    """Each part has a name, so that a code generator can make a class of it."""
    names = {"ContactSaving", "GupshupVariables", "Metadata", "Template", "TwilioVariables"}

    assert set(schema()["$defs"]) == names
    variables = schema()["$defs"]["Template"]["properties"]["variables"]
    assert variables["anyOf"] == [{"$ref": "#/$defs/TwilioVariables"}, {"$ref": "#/$defs/GupshupVariables"}]


def test_no_other_field_is_allowed_anywhere() -> None:
    """Every object refuses unknown fields, so that an editor marks a misspelt name."""
    objects = [node for path, node in _nodes(schema()) if "properties" in node]

    assert len(objects) == 5
    assert all(node["additionalProperties"] is False for node in objects)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_judged_as_its_name_says(path: Path) -> None:
    """Schema and model refuse the message of a sample with "invalid" in its name, and accept all others."""
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
    """The schema itself has the rules about content and provider."""
    errors = VALIDATOR.iter_errors(content)

    assert any("/".join(map(str, error.absolute_schema_path)).startswith(place) for error in errors)


@pytest.mark.parametrize("content", _messages(), ids=["twlo", "twlowa", "gswa"])
def test_a_message_of_each_provider_is_valid(content: dict[str, Any]) -> None:
    """The schema accepts the messages of the builders, which most tests send."""
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
    """The schema accepts these messages and the model refuses them: 29 February, deep nesting, half a character.

    docs/contract.md lists these rules. tests/property shows that the two agree on everything else.
    """
    VALIDATOR.validate(content)
    assert not isinstance(check(content), Message)


def test_every_reference_in_the_schema_leads_to_a_part() -> None:
    """The schema refers to every part that it defines, and to no other."""
    parts = json.dumps(schema())
    references = {reference.split('"')[0] for reference in parts.split("#/$defs/")[1:]}

    assert references == set(chain(schema()["$defs"]))
