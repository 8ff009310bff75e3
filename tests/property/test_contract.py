"""Every message is forwarded unchanged, and schema and model agree."""

import json
from typing import Any

from hypothesis import assume, example, given
from jsonschema import Draft202012Validator

from message_sender.contract.message import Message, check, forwarded
from message_sender.contract.problems import Invalid
from message_sender.contract.strict_json import read_json
from tests.support.builders import message
from tests.support.contract_strategies import (
    any_date_times,
    any_date_times_with_offset,
    has_a_calendar_day,
    json_values,
    mistaken_messages,
    valid_messages,
)
from tools.write_schema import schema

VALIDATOR = Draft202012Validator(schema())


def spelt(value: Any) -> str:
    """Write JSON in which 1, 1.0 and true differ and the order of names matters."""
    return json.dumps(value, ensure_ascii=False)


@given(valid_messages)
def test_every_valid_message_is_forwarded_unchanged(content: dict[str, Any]) -> None:
    """Only `metadata` is removed, and the check does not change the message."""
    came = spelt(content)

    verdict = check(content)

    assert isinstance(verdict, Message), str(verdict)
    assert spelt(content) == came
    expected = {name: value for name, value in content.items() if name != "metadata"}
    for text in (None, came, json.dumps(content, indent=2)):
        assert spelt(read_json(forwarded(content, text).decode())) == spelt(expected)
    assert spelt(read_json(came)) == came


@given(valid_messages)
def test_every_valid_message_is_valid_by_the_schema(content: dict[str, Any]) -> None:
    """The published schema accepts every message that the function accepts."""
    VALIDATOR.validate(content)


def assert_agreement(content: Any) -> None:
    """Assert that schema and model agree, except about 29 February, which only the model checks."""
    metadata = content.get("metadata") if isinstance(content, dict) else None
    expires_at = metadata.get("expires_at") if isinstance(metadata, dict) else None
    for text in (content.get("schedule") if isinstance(content, dict) else None, expires_at):
        if isinstance(text, str) and not has_a_calendar_day(text):
            assume(not any(day in text for day in ("02-29T", "0229T")))  # see test_what_json_schema_cannot_say

    verdict = check(content)

    errors = [f"{error.json_path}: {error.validator}" for error in VALIDATOR.iter_errors(content)]
    assert isinstance(verdict, Invalid) == bool(errors), (str(verdict), errors)


@given(mistaken_messages())
@example(message(contact_saving={"list_id": 1e300}))
@example(message(contact_saving={"list_id": -0.0}))
@example(message(text="\x1f\u0085\u00a0"))
@example(message(text=None, image_urls=[]))
@example(message(to="+16175550123\n"))
def test_schema_and_model_agree_on_mistakes(content: dict[str, Any]) -> None:
    """The mistakes drop, retype, misspell or blank a field, use another provider's field, or exceed a limit."""
    assert_agreement(content)


@given(json_values)
def test_schema_and_model_agree_on_anything(content: Any) -> None:
    """Both refuse a value that is not a message."""
    assert_agreement(content)


@given(any_date_times, any_date_times_with_offset)
def test_only_29_february_is_a_matter_of_the_calendar(schedule: str, expires_at: str) -> None:
    """The pattern knows the length of each month, so only 29 February can match and not exist."""
    verdict = check(message(schedule=schedule, metadata={"expires_at": expires_at}))

    not_a_day = [text for text in (schedule, expires_at) if not has_a_calendar_day(text)]
    assert isinstance(verdict, Invalid) == bool(not_a_day)
    assert all("02-29T" in text or "0229T" in text for text in not_a_day)


@given(mistaken_messages())
def test_a_refusal_is_one_line_without_values(content: dict[str, Any]) -> None:
    """The text is printable, and it does not repeat the recipient's number."""
    verdict = check(content)
    if isinstance(verdict, Message):
        return

    assert str(verdict).isprintable()
    assert verdict.problems
    phone = content.get("to")
    assert not isinstance(phone, str) or len(phone) < 4 or phone not in str(verdict) or phone in PROVIDERS


PROVIDERS = ("twlo", "twlowa", "gswa", "true")
