"""The Sociocs API page as rules about one message.

The function has a model of the same page (`message_sender.contract.message`). This module shares no code with it, on
purpose: a rule that one of them has wrong shows as a disagreement between the two. Where the page says nothing, the
message is accepted, so every refusal is based on a sentence of the page.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

WHATSAPP: Final = ("twlowa", "gswa")
PROVIDERS: Final = ("twlo", *WHATSAPP)
MEDIA_FIELDS: Final = ("image_url", "image_urls", "video_url", "file_url")

# "Phone number starting with the country code, with or without a leading plus": no country code begins with 0
# and ITU-T E.164 ends at 15 digits; the shortest complete numbers in use (Niue, Saint Helena) have 7.
PHONE_NUMBER: Final = re.compile(r"\+?[1-9][0-9]{6,14}", re.ASCII)


def refusals(message: object, channel_keys: Collection[str] | None = None) -> list[str]:
    """Return every reason to refuse the parsed JSON `message`, in the words of the API; none when it is valid.

    `channel_keys` are those that the account knows; None stands for an account that knows all.
    """
    if not isinstance(message, dict):
        return ["Request body must be a JSON object."]
    reasons = [f"Unknown field: {name[:60]}." for name in message if name not in _FIELDS]
    reasons += [f"{name} is required." for name in ("provider", "channel_key", "to") if name not in message]
    reasons += [
        f"Invalid {name}." for name, is_valid in _FIELDS.items() if name in message and not is_valid(message[name])
    ]
    if channel_keys is not None and _is_filled_text(message.get("channel_key")):
        reasons += [] if message["channel_key"] in channel_keys else ["Invalid channel_key."]
    if not any(message.get(name) for name in ("text", "template", *MEDIA_FIELDS)):
        reasons.append("At least one of text, image_url, image_urls, video_url, file_url or template is required.")
    return reasons + _refusals_by_provider(message)


def _refusals_by_provider(message: Mapping[str, object]) -> list[str]:
    """Check that media is for `twlo`, templates are for WhatsApp, and variables are those of the provider."""
    provider = message.get("provider")
    if provider not in PROVIDERS:
        return []
    reasons = []
    if provider != "twlo":
        reasons += [f"{name} is only supported for twlo." for name in MEDIA_FIELDS if name in message]
    if "template" in message and provider not in WHATSAPP:
        reasons.append("template is only supported for twlowa and gswa.")
    template = message.get("template")
    if provider in WHATSAPP and isinstance(template, dict):
        reasons += _template_refusals(template, provider)
    return reasons


def _template_refusals(template: Mapping[str, object], provider: object) -> list[str]:
    reasons = [f"Unknown field: template.{name[:60]}." for name in template if name not in ("id", "variables")]
    if not _is_filled_text(template.get("id")):
        reasons.append("template.id is required." if "id" not in template else "Invalid template.id.")
    if "variables" in template:
        are_valid = _are_twilio_variables if provider == "twlowa" else _are_gupshup_variables
        reasons += [] if are_valid(template["variables"]) else ["Invalid template.variables."]
    return reasons


def _are_twilio_variables(variables: object) -> bool:
    """Whether it is a flat object, such as `{"1": "John", "2": "john@example.com"}`."""
    return isinstance(variables, dict) and all(_is_scalar(value) for value in variables.values())


def _are_gupshup_variables(variables: object) -> bool:
    """Whether it has only `MEDIA_URL` and an object for each of `Header`, `Body` and `Buttons`."""
    if not isinstance(variables, dict):
        return False
    return all(
        _is_url(value)
        if name == "MEDIA_URL"
        else name in ("Header", "Body", "Buttons") and _are_twilio_variables(value)
        for name, value in variables.items()
    )


def _is_contact_saving(value: object) -> bool:
    rules: dict[str, Callable[[object], bool]] = {
        "save": lambda save: isinstance(save, bool),
        "list_id": lambda list_id: _is_integer(list_id) and list_id >= 0,  # type: ignore[operator]  # an integer here
        "extra_fields": lambda fields: isinstance(fields, dict),
    }
    return isinstance(value, dict) and all(name in rules and rules[name](part) for name, part in value.items())


def _is_phone_number(value: object) -> bool:
    return isinstance(value, str) and PHONE_NUMBER.fullmatch(value) is not None


def _is_date_and_time(value: object) -> bool:
    """Whether it is a date and a time in ISO 8601, such as `2006-01-02T15:04:05-04:00`."""
    if not isinstance(value, str) or "T" not in value:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_url(value: object) -> bool:
    """Whether it is a URL that could be publicly accessible. Only the provider can find out whether it is."""
    if not isinstance(value, str) or re.search(r"[\s\x00-\x1f]", value):
        return False
    try:
        parts = urlsplit(value)
        return parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        return False


def _are_urls(value: object) -> bool:
    return isinstance(value, list) and all(_is_url(item) for item in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_filled_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_integer(value: object) -> bool:
    """Whether it is an integer. JSON has one kind of number, so 3.0 is an integer too."""
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float | bool)


# Every field of the page, with what its row says of the value alone.
_FIELDS: Final[Mapping[str, Callable[[object], bool]]] = {
    "provider": lambda value: value in PROVIDERS,
    "channel_key": _is_filled_text,
    "to": _is_phone_number,
    "name": _is_text,
    "text": _is_text,
    "image_url": _is_url,
    "image_urls": _are_urls,
    "video_url": _is_url,
    "file_url": _is_url,
    "template": lambda value: isinstance(value, dict),
    "contact_saving": _is_contact_saving,
    "schedule": _is_date_and_time,
    # The page shows no example of a user ID, so both kinds of identifier pass.
    "user_id": lambda value: _is_filled_text(value) or _is_integer(value),
}
