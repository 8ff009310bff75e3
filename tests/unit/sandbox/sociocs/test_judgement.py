"""The simulator's own reading of the API page, rule by rule."""

from typing import Any

import pytest

from sandbox.sociocs.judgement import refusals

SMS: dict[str, Any] = {"provider": "twlo", "channel_key": "ck_main", "to": "+16175551212", "text": "Shipped"}
TWILIO: dict[str, Any] = {
    "provider": "twlowa",
    "channel_key": "ck_wa",
    "to": "16175551212",
    "template": {"id": "HX01", "variables": {"1": "John", "2": "john@example.com"}},
}
GUPSHUP: dict[str, Any] = {
    "provider": "gswa",
    "channel_key": "ck_wa",
    "to": "16175551212",
    "template": {
        "id": "c6aecef6",
        "variables": {
            "MEDIA_URL": "https://example.com/ticket.pdf",
            "Header": {"1": "John"},
            "Body": {"1": "ORDER-1001"},
            "Buttons": {"1": "Quick Reply Text"},
        },
    },
}
NO_CONTENT = "At least one of text, image_url, image_urls, video_url, file_url or template is required."


def but(message: dict[str, Any], *without: str, **changes: Any) -> dict[str, Any]:
    """The message with some fields taken away and others changed."""
    return {name: value for name, value in {**message, **changes}.items() if name not in without}


VALID = {
    "sms": SMS,
    "recipient without a plus": but(SMS, to="16175551212"),
    "WhatsApp text by Twilio": but(SMS, provider="twlowa"),
    "WhatsApp text by Gupshup": but(SMS, provider="gswa"),
    "one image, no text": but(SMS, "text", image_url="https://example.com/a.png"),
    "images and text": but(SMS, image_urls=["https://example.com/a.png", "http://example.com/b.png"]),
    "video": but(SMS, "text", video_url="https://example.com/a.mp4"),
    "file": but(SMS, "text", file_url="https://example.com/a.pdf?x=1#y"),
    "Twilio template": TWILIO,
    "Gupshup template": GUPSHUP,
    "template without variables": but(TWILIO, template={"id": "HX01"}),
    "Gupshup template with a body only": but(GUPSHUP, template={"id": "1", "variables": {"Body": {"1": "x"}}}),
    "contact saving": but(
        SMS, contact_saving={"save": True, "list_id": 0, "extra_fields": {"email_address": "j@example.com", "id": 987}}
    ),
    "nothing of a contact": but(SMS, contact_saving={}),
    "schedule with an offset": but(SMS, schedule="2006-01-02T15:04:05-04:00"),
    "schedule in UTC": but(SMS, schedule="2006-01-02T15:04:05Z"),
    "schedule in ISO 8601's basic form": but(SMS, schedule="20060102T150405Z"),
    "name and sender": but(SMS, name="John", user_id="u-1"),
    "text in any script": but(SMS, text="你好 😀"),
}


@pytest.mark.parametrize("message", VALID.values(), ids=VALID.keys())
def test_what_the_page_allows_is_accepted(message: dict[str, Any]) -> None:
    """Nothing that the page documents as valid is refused."""
    assert refusals(message) == []


INVALID: dict[str, tuple[object, str]] = {
    "an array": ([SMS], "Request body must be a JSON object."),
    "null": (None, "Request body must be a JSON object."),
    "no provider": (but(SMS, "provider"), "provider is required."),
    "unknown provider": (but(SMS, provider="sms"), "Invalid provider."),
    "a list as provider": (but(SMS, provider=["twlo"]), "Invalid provider."),
    "no channel_key": (but(SMS, "channel_key"), "channel_key is required."),
    "empty channel_key": (but(SMS, channel_key=""), "Invalid channel_key."),
    "no recipient": (but(SMS, "to"), "to is required."),
    "a number as recipient": (but(SMS, to=16175551212), "Invalid to."),
    "recipient with spaces": (but(SMS, to="+1 617 555 1212"), "Invalid to."),
    "recipient without a country code": (but(SMS, to="06175551212"), "Invalid to."),
    "recipient in other digits": (but(SMS, to="+١٦١٧٥٥٥١٢١٢"), "Invalid to."),
    "recipient with a line break": (but(SMS, to="+16175551212\n"), "Invalid to."),
    "too long a recipient": (but(SMS, to="+1617555121212345"), "Invalid to."),
    "no content": (but(SMS, "text"), NO_CONTENT),
    "empty text": (but(SMS, text=""), NO_CONTENT),
    "no images": (but(SMS, "text", image_urls=[]), NO_CONTENT),
    "a number as text": (but(SMS, text=5), "Invalid text."),
    "null as name": (but(SMS, name=None), "Invalid name."),
    "media that is no URL": (but(SMS, image_url="a.png"), "Invalid image_url."),
    "media in a file": (but(SMS, file_url="file:///etc/passwd"), "Invalid file_url."),
    "media in a script": (but(SMS, video_url="javascript:alert(1)"), "Invalid video_url."),
    "a URL in place of images": (but(SMS, image_urls="https://example.com/a.png"), "Invalid image_urls."),
    "one bad image of two": (but(SMS, image_urls=["https://example.com/a.png", ""]), "Invalid image_urls."),
    "media on WhatsApp": (but(TWILIO, image_url="https://example.com/a.png"), "image_url is only supported for twlo."),
    "template on SMS": (but(TWILIO, provider="twlo"), "template is only supported for twlowa and gswa."),
    "template as text": (but(TWILIO, template="HX01"), "Invalid template."),
    "template without id": (but(TWILIO, template={"variables": {}}), "template.id is required."),
    "template with an empty id": (but(TWILIO, template={"id": ""}), "Invalid template.id."),
    "misspelt part of a template": (but(TWILIO, template={"id": "1", "vars": {}}), "Unknown field: template.vars."),
    "nested Twilio variables": (but(GUPSHUP, provider="twlowa"), "Invalid template.variables."),
    "flat Gupshup variables": (but(TWILIO, provider="gswa"), "Invalid template.variables."),
    "a list as variables": (but(TWILIO, template={"id": "1", "variables": ["x"]}), "Invalid template.variables."),
    "Gupshup media that is no URL": (
        but(GUPSHUP, template={"id": "1", "variables": {"MEDIA_URL": "x"}}),
        "Invalid template.variables.",
    ),
    "save as text": (but(SMS, contact_saving={"save": "yes"}), "Invalid contact_saving."),
    "list as text": (but(SMS, contact_saving={"list_id": "0"}), "Invalid contact_saving."),
    "list as boolean": (but(SMS, contact_saving={"list_id": True}), "Invalid contact_saving."),
    "extra fields as list": (but(SMS, contact_saving={"extra_fields": []}), "Invalid contact_saving."),
    "misspelt part of contact saving": (but(SMS, contact_saving={"list": 1}), "Invalid contact_saving."),
    "schedule without a time": (but(SMS, schedule="2006-01-02"), "Invalid schedule."),
    "schedule on no day": (but(SMS, schedule="2006-02-30T15:04:05Z"), "Invalid schedule."),
    "schedule as a number": (but(SMS, schedule=1136232245), "Invalid schedule."),
    "misspelt field": (but(SMS, shedule="2006-01-02T15:04:05Z"), "Unknown field: shedule."),
    "the sender's own metadata": (but(SMS, metadata={"reference": "order-1"}), "Unknown field: metadata."),
}


@pytest.mark.parametrize(("message", "reason"), INVALID.values(), ids=INVALID.keys())
def test_what_the_page_rules_out_is_refused_with_its_reason(message: object, reason: str) -> None:
    """Each rule is refused in words that name the field."""
    assert reason in refusals(message)


def test_every_reason_is_given_at_once() -> None:
    """The answer to a message with three faults names all three."""
    assert refusals({"provider": "twlo", "channel_key": "ck", "text": "", "colour": "red"}) == [
        "Unknown field: colour.",
        "to is required.",
        NO_CONTENT,
    ]


def test_an_account_knows_its_own_channel_keys_only() -> None:
    """A channel key that looks right and is not the account's is invalid."""
    assert refusals(SMS, {"ck_other"}) == ["Invalid channel_key."]
    assert refusals(SMS, {"ck_other", "ck_main"}) == []
