"""What is a message, and that what is forwarded is exactly what came in, less `metadata`."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from message_sender.contract.message import Message, check, forwarded
from message_sender.contract.strict_json import read_json
from tests.support.builders import gupshup_template, message, twilio_template

DOCUMENTED: dict[str, dict[str, Any]] = {
    "a text": {"provider": "twlo", "channel_key": "Zx9", "to": "+16175551212", "text": "Hi"},
    "a number without the plus": {"provider": "twlo", "channel_key": "Zx9", "to": "16175551212", "text": "Hi"},
    "variables of a Twilio template": twilio_template(
        template={"id": "HX0123456789abcdef", "variables": {"1": "John", "2": "john@example.com"}}
    ),
    "variables of a Gupshup template": gupshup_template(
        template={
            "id": "c6aecef6-bcb0-4fb1-8100-28c094e3bc6b",
            "variables": {
                "MEDIA_URL": "https://example.com/a.png",
                "Header": {"1": "John"},
                "Body": {"1": "ORDER-1001"},
                "Buttons": {"1": "Quick Reply Text"},
            },
        }
    ),
    "a contact with custom fields": message(
        contact_saving={
            "save": True,
            "list_id": 0,
            "extra_fields": {"email_address": "john@example.com", "id": 987123},
        }
    ),
    "a schedule": message(schedule="2006-01-02T15:04:05-04:00"),
    "everything": message(
        name="John",
        image_url="https://example.com/a.png",
        image_urls=["https://example.com/b.png"],
        video_url="https://example.com/a.mp4",
        file_url="https://example.com/a.pdf",
        contact_saving={"save": False},
        schedule="2006-01-02T15:04:05-04:00",
        user_id="5f2b8c1e",
    ),
}
"""The examples of the API's page "Send message", each in the smallest message that holds it."""

SCHEDULES = [
    "2006-01-02T15:04:05-04:00",
    "2006-01-02T15:04:05+0530",
    "2006-01-02T15:04:05+05",
    "2006-01-02T15:04:05Z",
    "2006-01-02T15:04:05",
    "2006-01-02T15:04:05.1Z",
    "2006-01-02T15:04:05.123456Z",
    "2006-01-02T15:04:05,123456789+00:00",
    "2006-01-02T15:04",
    "2006-01-02T15:04Z",
    "2006-01-02T15",
    "2006-01-02T15-04:00",
    "20060102T150405Z",
    "20060102T150405.5-0400",
    "20060102T1504",
    "20060102T15+02",
    "2028-02-29T00:00:00Z",
    "2000-02-29T23:59:59Z",
    "1999-12-31T23:59:59-12:00",
    "2999-12-31T00:00:00+14:00",
]

VARIANTS: dict[str, dict[str, Any]] = {
    # to
    "7 digits": message(to="1234567"),
    "7 digits with a plus": message(to="+1234567"),
    "15 digits": message(to="123456789012345"),
    "15 digits with a plus": message(to="+123456789012345"),
    # text and name
    "a text of emoji": message(text="🚚👩🏽‍🚀 \u0000 \u2028 …"),
    "a text with blanks around it": message(text="  Hi \n"),
    "a text of 100,000 characters": message(text="x" * 100_000),
    "a text that looks like JSON": message(text='{"to": "nobody"}'),
    "a name in Cyrillic": message(name="Иван"),
    "an empty name": message(name=""),
    "a name of 5,000 characters": message(name="J" * 5000),
    "free text by Twilio WhatsApp": message(provider="twlowa"),
    "free text by Gupshup": message(provider="gswa"),
    "a blank text beside an image": message(text=" ", image_url="https://example.com/a.png"),
    "an empty text beside a template": twilio_template(text=""),
    "a text beside a template": gupshup_template(text="Hi"),
    # Media.
    "an image alone": message(text=None, image_url="https://example.com/a.png"),
    "images alone": message(text=None, image_urls=["https://example.com/a.png", "http://example.com/b.png"]),
    "a video alone": message(text=None, video_url="https://example.com/a.mp4"),
    "a file alone": message(text=None, file_url="https://example.com/a.pdf"),
    "no images beside a text": message(image_urls=[]),
    "a URL in upper case": message(image_url="HTTPS://EXAMPLE.COM/A.PNG"),
    "a URL with a port, a query and a fragment": message(image_url="http://example.com:8080/a?b=c&d=%20#e"),
    "a URL with credentials": message(file_url="https://user:secret@example.com/a"),
    "a URL with an address": message(file_url="https://[2001:db8::1]/a"),
    "a URL of a host alone": message(file_url="https://example.com"),
    "a URL with other letters": message(file_url="https://bücher.example/Ä.pdf"),
    # Templates.
    "a Twilio template without variables": twilio_template(template={"id": "HX01"}),
    "a Gupshup template without variables": gupshup_template(template={"id": "c6ae"}),
    "a Twilio template with no variables": twilio_template(template={"id": "HX01", "variables": {}}),
    "a Gupshup template with no variables": gupshup_template(template={"id": "c6ae", "variables": {}}),
    "Twilio variables of every flat type": twilio_template(
        template={"id": "HX01", "variables": {"1": "a", "2": 2, "3": 2.5, "4": True, "name": "", "5": 10**40}}
    ),
    "Gupshup's media alone": gupshup_template(
        template={"id": "c6ae", "variables": {"MEDIA_URL": "https://example.com/a"}}
    ),
    "Gupshup's header alone": gupshup_template(template={"id": "c6ae", "variables": {"Header": {"1": 1}}}),
    "Gupshup's body alone": gupshup_template(template={"id": "c6ae", "variables": {"Body": {}}}),
    "Gupshup's buttons alone": gupshup_template(template={"id": "c6ae", "variables": {"Buttons": {"1": False}}}),
    # contact_saving
    "an empty contact_saving": message(contact_saving={}),
    "save alone": message(contact_saving={"save": False}),
    "list_id alone": message(contact_saving={"list_id": 17}),
    "list_id written 3.0": message(contact_saving={"list_id": 3.0}),
    "list_id 0": message(contact_saving={"save": True, "list_id": 0}),
    "a long list_id": message(contact_saving={"list_id": 2**70}),
    "no extra_fields": message(contact_saving={"extra_fields": {}}),
    "extra_fields of every type": message(
        contact_saving={
            "extra_fields": {"a": None, "b": [1, [2, {"c": 3}]], "d": {"e": 1.5}, "f": True, "": "", "шрифт": "x"}
        }
    ),
    "user_id": message(user_id="5f2b8c1e"),
    # metadata
    "an empty metadata": message(metadata={}),
    "a key of one character": message(metadata={"idempotency_key": "1"}),
    "a key of 256 characters": message(metadata={"idempotency_key": "é" * 256}),
    "an empty reference": message(metadata={"reference": ""}),
    "a reference of 256 characters": message(metadata={"reference": "r" * 256}),
    "expires_at with Z": message(metadata={"expires_at": "2026-11-24T10:00:00Z"}),
    "expires_at with an offset": message(metadata={"expires_at": "20261124T10+0100"}),
    "expires_at in the past": message(metadata={"expires_at": "1999-01-01T00:00:00Z"}),
    "all of metadata": message(
        metadata={"idempotency_key": "k", "expires_at": "2026-11-24T10:00:00.5-04:00", "reference": "r"}
    ),
}


def assert_same(first: Any, second: Any) -> None:
    """Compare JSON values as Python's `==` does not: 1 is neither 1.0 nor true, and names keep their order."""
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert list(first) == list(second)
        for name, value in first.items():
            assert_same(value, second[name])
    elif isinstance(first, list):
        assert len(first) == len(second)
        for left, right in zip(first, second, strict=True):
            assert_same(left, right)
    else:
        assert repr(first) == repr(second)


ALL = {**DOCUMENTED, **VARIANTS, **{f"schedule {schedule}": message(schedule=schedule) for schedule in SCHEDULES}}


@pytest.mark.parametrize("content", ALL.values(), ids=ALL.keys())
def test_it_is_accepted_and_forwarded_as_it_came(content: dict[str, Any]) -> None:
    """Same values, same types, same spelling, same order, nothing added; only `metadata` stays behind."""
    came = json.dumps(content, ensure_ascii=False)
    read: Any = read_json(came)

    verdict = check(read)

    assert isinstance(verdict, Message), str(verdict)
    assert_same(read, json.loads(came))
    expected = {name: value for name, value in json.loads(came).items() if name != "metadata"}
    assert_same(json.loads(forwarded(read, None)), expected)
    assert_same(json.loads(forwarded(read, came)), expected)


def test_only_metadata_of_the_message_itself_stays_behind() -> None:
    """A custom field of the same name is the producer's own."""
    content = message(contact_saving={"extra_fields": {"metadata": {"reference": "r"}}}, metadata={"reference": "x"})

    for text in (None, json.dumps(content)):
        assert json.loads(forwarded(content, text))["contact_saving"] == content["contact_saving"]


NUMBERS = [
    "0",
    "-0",
    "9007199254740993",
    "123456789012345678901234567890",
    "1.5",
    "-0.0",
    "1e3",
    "0.1",
    "1E-7",
    "10.00",
]
NUMBERS += ["98765432109876543.21", "1.0000000000000000001", "1e-400", "1e-99999999999999999999"]


def with_number(number: str, **fields: Any) -> str:
    """A message with a number in it, spelled so."""
    return json.dumps(message(contact_saving={"extra_fields": {"n": "N"}}, **fields)).replace('"N"', number)


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("metadata", [None, {"reference": "r"}])
def test_numbers_keep_their_spelling(number: str, metadata: dict[str, str] | None) -> None:
    """From the queue they leave as the producer wrote them: a price of 10.00 does not become 10.0."""
    came = with_number(number, metadata=metadata)
    read: Any = read_json(came)

    assert isinstance(check(read), Message)
    assert f'"n": {number}}}' in forwarded(read, came).decode()


@pytest.mark.parametrize("number", NUMBERS[:9])
def test_numbers_keep_their_value(number: str) -> None:
    """Invoked directly they are what Lambda's runtime has read: large integers are whole, a fraction stays one."""
    read = json.loads(with_number(number))

    assert isinstance(check(read), Message)
    assert repr(json.loads(forwarded(read, None))["contact_saving"]["extra_fields"]["n"]) == repr(json.loads(number))


@pytest.mark.parametrize("number", NUMBERS)
def test_one_rule_for_numbers(number: str) -> None:
    """From the queue and invoked directly the same numbers are taken: those that a double can be near."""
    assert isinstance(check(read_json(with_number(number))), Message)
    assert isinstance(check(json.loads(with_number(number))), Message)


@pytest.mark.parametrize("came", [None, json.dumps(message(text="Grüße 🚚"), ensure_ascii=False)])
def test_what_is_forwarded_is_ascii(came: str | None) -> None:
    """Unicode is escaped, so that no reader can take it for another encoding."""
    body = forwarded(message(text="Grüße 🚚"), came)

    assert body.isascii()
    assert json.loads(body)["text"] == "Grüße 🚚"


def test_half_a_character_is_forwarded_as_its_escape() -> None:
    """A custom field may hold one, and no encoding has it."""
    content = message(contact_saving={"extra_fields": {"n": "\ud800"}})

    for came in (None, json.dumps(content), json.dumps(content, ensure_ascii=False)):
        assert rb'"\ud800"' in forwarded(content, came)


@pytest.mark.parametrize("space", ["", " ", "\r\n\t "])
def test_metadata_is_cut_out_wherever_it_stands(space: str) -> None:
    """First, last, between; whatever white space there is, and whatever looks like it inside a string."""
    members = [
        ('"provider"', '"twlo"'),
        ('"channel_key"', '"ck"'),
        ('"to"', '"+16175550123"'),
        ('"text"', r'"\"metadata\":{},"'),
    ]
    for position in range(len(members) + 1):
        parts = [*members[:position], ('"metadata"', '{"reference":"a}b"}'), *members[position:]]
        came = ",".join(f"{space}{name}{space}:{space}{value}{space}" for name, value in parts)
        came = f"{space}{{{came}}}{space}"
        read: Any = read_json(came)

        assert json.loads(forwarded(read, came)) == {name: value for name, value in read.items() if name != "metadata"}


def test_the_metadata_can_be_asked_for() -> None:
    """The expiry is an aware time, whatever its spelling; what is absent is None."""
    full = check(message(metadata={"idempotency_key": "k", "expires_at": "20261124T10+0100", "reference": "r"}))
    none = check(message())

    assert isinstance(full, Message)
    assert isinstance(none, Message)
    assert (full.idempotency_key, full.reference) == ("k", "r")
    assert full.expires_at == datetime(2026, 11, 24, 9, tzinfo=UTC)
    assert full.expires_at.utcoffset() == timedelta(hours=1)
    assert (none.idempotency_key, none.reference, none.expires_at) == (None, None, None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON: Expecting value at line 1 column 1"),
        ("hello", "not JSON: Expecting value at line 1 column 1"),
        ("{'to': 1}", "not JSON: Expecting property name enclosed in double quotes at line 1 column 2"),
        ('{"to": 1}}', "not JSON: Extra data at line 1 column 10"),
        ('\ufeff{"to": 1}', "not JSON: "),
        ('{"to": NaN}', "not JSON: a number is out of range"),
        ('{"to": -Infinity}', "not JSON: a number is out of range"),
        ('{"to": 1e999}', "not JSON: a number is out of range"),
        ('{"to": ' + "9" * 5000 + "}", "not JSON that can be read: a number has too many digits"),
        ("[" * 200_000, "not JSON that can be read: nested too deeply"),
        ('{"to": "1", "text": "", "to": "2"}', "to: given twice in one object"),
        ('{"a": {"+16175550123": 1, "+16175550123": 2}}', "<name not shown>: given twice in one object"),
    ],
    ids=lambda value: value[:20],
)
def test_text_that_is_not_json_is_refused_in_words(text: str, said: str) -> None:
    """It says where or why, and repeats nothing of the text."""
    with pytest.raises(ValueError, match=f"^{re.escape(said)}") as refusal:
        read_json(text)

    assert "6175550123" not in str(refusal.value)


@pytest.mark.parametrize("text", ["0.1", "1.10", "-0.0", "1e2", "5e-324", "1.7976931348623157e308", "9" * 20])
def test_numbers_that_are_forwarded_as_they_are(text: str) -> None:
    """Another spelling of the same number is no other number."""
    assert Decimal(repr(read_json(text))) == Decimal(text)
