"""Whatever a message says, a text that quotes it says it no more once it is redacted."""

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
    spellings = [value, value.upper(), value.lower(), value.strip(), html.escape(value), json.dumps(value)[1:-1]]
    spellings += [unicodedata.normalize(form, value) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    quoted = data.draw(st.sampled_from(spellings))

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
    for between in ("-", "/", ") ", "\N{EN DASH}", "\N{NO-BREAK SPACE}", ". "):
        spelling = f"{digits[:3]}{between}{digits[3:6]}{between}{digits[6:]}"
        assert digits[3:6] not in redacted(f"The number {spelling} is not valid", json.dumps(content).encode())


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
    """A code, and any word that the API would not use by itself; in scripts without spaces too."""
    body = json.dumps({"text": "Your PIN 4821 and token K7qz for chemotherapy: 您的验证码是四八二一请勿泄露"}).encode()

    text = redacted(said, body)

    assert quoted not in text
    assert "***" in text


def test_the_reason_can_be_read_all_the_same() -> None:
    """Whatever the message says, the API's own words stay."""
    body = json.dumps({"text": "The file could not be found. Invalid message, please send it again"}).encode()

    assert redacted("Invalid channel: the user is unknown.", body) == "Invalid channel: the user is unknown."


def test_words_that_the_text_only_shares_are_shown() -> None:
    """What the API says of the channel is worth reading."""
    body = json.dumps({"text": "Your order is on its way"}).encode()

    assert redacted("Invalid channel_key. Your account is suspended.", body) == (
        "Invalid channel_key. Your account is suspended."
    )
