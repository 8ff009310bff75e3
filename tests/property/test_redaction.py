"""A redacted text does not contain the values of the message that it quoted."""

import html
import json
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from message_sender.sociocs.redaction import MAXIMUM_CHARACTERS, redacted
from tests.support.builders import twilio_template
from tests.support.contract_strategies import valid_messages

PUBLIC = [("provider",), ("channel_key",), ("schedule",), ("contact_saving", "list_id"), ("contact_saving", "save")]
"""Fields that an error text may repeat: words of the contract and the team's own settings."""


def values(node: Any, *path: str) -> Iterator[str]:
    """Yield all values of a message, except the public ones."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from values(value, *path, name)
    elif isinstance(node, list):
        for value in node:
            yield from values(value, *path)
    elif path not in PUBLIC and node is not None and not isinstance(node, bool) and str(node).strip():
        yield str(node)


@given(valid_messages, st.data())
def test_a_quoted_value_is_removed(content: dict[str, Any], data: st.DataObject) -> None:
    """Any value is removed, in capitals, in small letters, escaped and in every Unicode form."""
    content = {name: value for name, value in content.items() if name != "metadata"}
    said = [value for value in values(content) if value.strip(" *")]
    value = data.draw(st.sampled_from(said))
    spellings = [value, value.upper(), value.lower(), value.strip(), html.escape(value), json.dumps(value)[1:-1]]
    spellings += [unicodedata.normalize(form, value) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    quoted = data.draw(st.sampled_from(spellings))

    text = redacted(f'Invalid: "{quoted}" is not known.', json.dumps(content).encode())

    assert f'"{quoted}"' not in text
    assert len(text) <= MAXIMUM_CHARACTERS
    assert text.isprintable()


@given(valid_messages, st.text(alphabet="abcdef0123456789:", min_size=8))
def test_a_secret_is_removed(content: dict[str, Any], apikey: str) -> None:
    """The apikey is removed too, although it is not in the message."""
    assert apikey not in redacted(f"apikey {apikey} is not known", json.dumps(content).encode(), apikey)


@given(valid_messages)
def test_a_phone_number_is_removed_in_every_spelling(content: dict[str, Any]) -> None:
    """The number is removed with and without a plus, and with separators."""
    digits = content["to"].lstrip("+")

    for spelling in (digits, f"+{digits}", f"whatsapp:+{digits}", f"00{digits}"):
        assert digits not in redacted(f"The number {spelling} is not valid", json.dumps(content).encode())
    for between in ("-", "/", ") ", "\N{EN DASH}", "\N{NO-BREAK SPACE}", ". "):
        spelling = f"{digits[:3]}{between}{digits[3:6]}{between}{digits[6:]}"
        assert digits[3:6] not in redacted(f"The number {spelling} is not valid", json.dumps(content).encode())


@pytest.mark.parametrize("name", ["schedule", "provider", "channel_key", "list_id"])
def test_a_variable_with_the_name_of_a_field_is_removed(name: str) -> None:
    """Only the field itself is public, not a template variable or a custom field with the same name."""
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
    """A text with three consecutive words of the message is not shown, whatever separates them."""
    body = json.dumps({"text": "Dear Anna, your biopsy result is ready.\nCode 4821. Call us."}).encode()

    assert redacted(said, body) == "(quotes the message's text, not shown)"


@pytest.mark.parametrize(
    ("said", "quoted"),
    [
        ("not allowed: 4821", "4821"),
        ("Blocked: PIN 4821?", "4821"),
        ("blocked word: chemotherapy", "chemotherapy"),
        ("token 'k7qz' is not known", "k7qz"),
        ("内容违规: 验证码是四八二一", "四八"),
    ],
)
def test_a_word_of_the_text_is_not_shown(said: str, quoted: str) -> None:
    """A code and a word that the API does not use itself are removed, also in scripts without spaces."""
    body = json.dumps({"text": "Your PIN 4821 and token K7qz for chemotherapy: 您的验证码是四八二一请勿泄露"}).encode()

    text = redacted(said, body)

    assert quoted not in text
    assert "***" in text


def test_the_words_of_the_api_stay() -> None:
    """Words that the API uses itself stay, also when the message contains them."""
    body = json.dumps({"text": "The file could not be found. Invalid message, please send it again"}).encode()

    assert redacted("Invalid channel: the user is unknown.", body) == "Invalid channel: the user is unknown."


def test_short_words_that_the_text_shares_stay() -> None:
    """A text about the channel stays, although it shares short words with the message."""
    body = json.dumps({"text": "Your order is on its way"}).encode()

    assert redacted("Invalid channel_key. Your account is suspended.", body) == (
        "Invalid channel_key. Your account is suspended."
    )
