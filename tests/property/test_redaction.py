"""Whatever a message says, a text that quotes it says it no more once it is redacted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from builders import twilio_template
from message_sender.redaction import MAXIMUM_CHARACTERS, redacted
from property.contract_strategies import valid_messages

PUBLIC = [("provider",), ("channel_key",), ("schedule",), ("contact_saving", "list_id"), ("contact_saving", "save")]
"""What an error may repeat: words of the contract and the team's own settings."""


def values(node: Any, *path: str) -> Iterator[str]:
    """Find all that a message says, but for what is public."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from values(value, *path, name)
    elif isinstance(node, list):
        for value in node:
            yield from values(value, *path)
    elif path not in PUBLIC and node is not None and not isinstance(node, bool) and str(node).strip():
        yield str(node)


@given(valid_messages, st.data())
def test_a_quoted_value_is_taken_out(content: dict[str, Any], data: st.DataObject) -> None:
    """Whichever value it is, wherever it stands, and in whatever case."""
    content = {name: value for name, value in content.items() if name != "metadata"}
    said = [value for value in values(content) if value.strip(" *")]
    value = data.draw(st.sampled_from(said))
    quoted = data.draw(st.sampled_from([value, value.upper(), value.strip()]))
    assume(quoted.lower() == value.lower() or quoted == value.strip())

    text = redacted(f'Invalid: "{quoted}" is not known.', json.dumps(content).encode())

    assert f'"{quoted}"' not in text
    assert len(text) <= MAXIMUM_CHARACTERS
    assert text.isprintable()


@given(valid_messages, st.text(alphabet="abcdef0123456789:", min_size=8))
def test_a_secret_is_taken_out(content: dict[str, Any], apikey: str) -> None:
    """The apikey too, which the message does not hold."""
    assert apikey not in redacted(f"apikey {apikey} is not known", json.dumps(content).encode(), apikey)


@given(valid_messages)
def test_a_phone_number_is_taken_out_however_it_is_written(content: dict[str, Any]) -> None:
    """With the plus or without it."""
    digits = content["to"].lstrip("+")

    for spelling in (digits, f"+{digits}", f"whatsapp:+{digits}", f"00{digits}"):
        assert digits not in redacted(f"The number {spelling} is not valid", json.dumps(content).encode())


@pytest.mark.parametrize("name", ["schedule", "provider", "channel_key", "list_id"])
def test_a_variable_named_like_a_field_is_taken_out(name: str) -> None:
    """What may be repeated is the field itself, not a template's variable or a custom field of its name."""
    content = twilio_template(
        template={"id": "HX01", "variables": {name: "Zebedee"}}, contact_saving={"extra_fields": {name: "Quentin"}}
    )

    text = redacted("Zebedee or Quentin is not known on ck_main", json.dumps(content).encode())

    assert text == "*** or *** is not known on ck_main"


@pytest.mark.parametrize(
    "said",
    [
        "Text contains a forbidden phrase: 'Dear Anna, your biopsy'",
        "Invalid text: Dear Anna, your biopsy result is ready. Code 4821. Call us.",
        "refused: RESULT   is\tready",
    ],
)
def test_a_part_of_the_text_is_not_shown(said: str) -> None:
    """Three of its words in a row are enough, whatever stands between them."""
    body = json.dumps({"text": "Dear Anna, your biopsy result is ready.\nCode 4821. Call us."}).encode()

    assert redacted(said, body) == "(quotes the message's text, not shown)"


def test_words_that_the_text_only_shares_are_shown() -> None:
    """What the API says of the channel is worth reading."""
    body = json.dumps({"text": "Your order is on its way"}).encode()

    assert redacted("Invalid channel_key. Your account is suspended.", body) == (
        "Invalid channel_key. Your account is suspended."
    )
