"""The producer's contract: what a message may be, and every problem with one that is not.

The rules are those of the Sociocs API's page "Send message"; docs/contract.md is the page for producers. The model
judges and never rewrites: what goes to Sociocs is the producer's own JSON less `metadata` (see `forwarded`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from aws_lambda_powertools.utilities.parser import BaseModel, Field, ValidationError, model_validator, parse
from pydantic import BeforeValidator, ConfigDict, RootModel, ValidatorFunctionWrapHandler
from pydantic_core import InitErrorDetails, PydanticCustomError

from message_sender.contract.formats import DateTime, DateTimeWithOffset, Flat, NonBlank, Phone, Url
from message_sender.contract.problems import Invalid, Problem, dotted, words
from message_sender.contract.strict_json import MAXIMUM_DEPTH, is_deeper

MEDIA_FIELDS = ("image_url", "image_urls", "video_url", "file_url")
MAXIMUM_PROBLEMS = 50
"""More than a person reads; a body of a megabyte can have a hundred thousand."""


def _whole(value: object) -> object:
    # JSON has one kind of number: 3.0 is the integer 3 to JSON Schema, and what is forwarded stays as it came.
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Flats = dict[str, Flat]


def _optional(description: str, *examples: object, **constraints: Any) -> Any:
    """A field that may be absent but not null: the default is never validated, and is no part of the schema."""
    return Field(default=None, description=description, examples=list(examples) or None, **constraints)


def _title(name: str, _: object) -> str:
    title = name.replace("_", " ").capitalize()
    return re.sub(r"\b(?:id\b|url)", lambda found: found[0].upper(), title, flags=re.IGNORECASE)


# --- the model ------------------------------------------------------------------------------------------------------


class _Part(BaseModel):
    """Strict types, no unknown fields, and errors that never hold a value."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, field_title_generator=_title
    )


class TwilioVariables(RootModel[_Flats]):
    """Values of the placeholders of a Twilio WhatsApp template."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)


class GupshupVariables(_Part):
    """Values of the placeholders of a Gupshup WhatsApp template, part by part."""

    MEDIA_URL: Url = _optional("URL of the template's media.", "https://example.com/ticket.pdf")
    Header: _Flats = _optional("Values of the header's placeholders.", {"1": "John"})
    Body: _Flats = _optional("Values of the body's placeholders.", {"1": "ORDER-1001", "2": "Friday"})
    Buttons: _Flats = _optional("Values of the buttons' placeholders.", {"1": "Track"})


VARIABLES: Mapping[str, type[BaseModel]] = {"twlowa": TwilioVariables, "gswa": GupshupVariables}
"""The shape of a template's variables, by provider."""


class Template(_Part):
    """A WhatsApp template and the values of its placeholders."""

    id: NonBlank = Field(
        description="`twlowa`: Template SID of Twilio's Content Template Builder; `gswa`: template ID of Gupshup.",
        examples=["HX0123456789abcdef0123456789abcdef"],
    )
    variables: dict[str, Any] = _optional(
        "`twlowa`: a flat object; `gswa`: `MEDIA_URL` and an object for each of `Header`, `Body` and `Buttons`.",
        {"1": "John", "2": "john@example.com"},
        {"Header": {"1": "John"}, "Body": {"1": "ORDER-1001"}},
    )


class ContactSaving(_Part):
    """Whether to save the recipient as a contact."""

    save: bool = _optional(
        "Save the phone number, the name and the extra fields as a contact. Sociocs's default is false.", True
    )
    list_id: Annotated[int, BeforeValidator(_whole)] = _optional(
        'Contact list; 0 is "All Contacts", Sociocs\'s default.', 0, ge=0
    )
    extra_fields: dict[str, Any] = _optional(
        "Custom fields of the contact.", {"email_address": "john@example.com", "id": 987123}
    )


class Metadata(_Part):
    """For this sender, never forwarded to Sociocs."""

    idempotency_key: str = _optional(
        "The same key is sent once within 15 days. Not for personal data.",
        "order-1001-shipped",
        min_length=1,
        max_length=256,
    )
    expires_at: DateTimeWithOffset = _optional(
        "Past it the message is not sent but dead-lettered.", "2026-11-24T10:00:00Z"
    )
    reference: str = _optional(
        "The producer's own id, echoed in outcome events and logs. Not for personal data.", "order-1001", max_length=256
    )


class Message(_Part):
    """A message for Sociocs: the body of its "Send message" API, plus the optional `metadata` for this sender."""

    model_config = ConfigDict(title="Sociocs message")

    provider: Literal["twlo", "twlowa", "gswa"] = Field(
        description="`twlo`: SMS through Twilio; `twlowa`: WhatsApp through Twilio; `gswa`: WhatsApp through Gupshup.",
        examples=["twlo"],
    )
    channel_key: NonBlank = Field(
        description="Channel key from Sociocs, Profile & settings -> API.", examples=["ck_main"]
    )
    to: Phone = Field(
        description="Phone number starting with the country code, with or without a leading plus.",
        examples=["+16175551212", "16175551212"],
    )
    name: str = _optional("Recipient's name.", "John")
    text: str = _optional("Message text. Needed when there is no media URL and no template.", "Your order has shipped")
    image_url: Url = _optional("Publicly accessible URL of an image. Only for `twlo`.", "https://example.com/a.png")
    image_urls: list[Url] = _optional(
        "Publicly accessible URLs of images. Only for `twlo`.", ["https://example.com/a.png"]
    )
    video_url: Url = _optional("Publicly accessible URL of a video. Only for `twlo`.", "https://example.com/a.mp4")
    file_url: Url = _optional("Publicly accessible URL of a file. Only for `twlo`.", "https://example.com/a.pdf")
    template: Template = _optional("WhatsApp template. Only for `twlowa` and `gswa`.")
    contact_saving: ContactSaving = _optional("Whether to save the recipient as a contact.")
    schedule: DateTime = _optional("When Sociocs sends it: an ISO 8601 date and time.", "2006-01-02T15:04:05-04:00")
    user_id: NonBlank = _optional("ID of the Sociocs user who is shown as the sender.", "5f2b8c1e")
    metadata: Metadata = _optional("For this sender, never forwarded to Sociocs.")

    @model_validator(mode="wrap")
    @classmethod
    def _every_problem_at_once(cls, data: Any, handler: ValidatorFunctionWrapHandler) -> "Message":
        """Judge the fields and the rules between them together: pydantic alone stops at the fields."""
        errors: list[InitErrorDetails] = []
        message: Message | None = None
        try:
            message = handler(data)
        except ValidationError as error:
            errors = _in_words(error)
        if isinstance(data, dict):
            errors += _rules_between_fields(data)
        if errors or message is None:
            raise ValidationError.from_exception_data(cls.__name__, errors, hide_input=True)
        return message

    @property
    def expires_at(self) -> datetime | None:
        """When the message is no longer to be sent; aware."""
        return datetime.fromisoformat(self.metadata.expires_at) if self.metadata and self.metadata.expires_at else None

    @property
    def idempotency_key(self) -> str | None:
        """The producer's own key, when there is one."""
        return self.metadata.idempotency_key if self.metadata else None

    @property
    def reference(self) -> str | None:
        """The producer's own id, when there is one."""
        return self.metadata.reference if self.metadata else None


# --- rules between fields, and words --------------------------------------------------------------------------------

_NAMES: Mapping[tuple[int | str, ...], list[str]] = {
    (): list(Message.model_fields),
    ("template",): list(Template.model_fields),
    ("template", "variables"): list(GupshupVariables.model_fields),
    ("contact_saving",): list(ContactSaving.model_fields),
    ("metadata",): list(Metadata.model_fields),
}


def _in_words(error: ValidationError, *above: str) -> list[InitErrorDetails]:
    found = [{**item, "loc": (*above, *item["loc"])} for item in error.errors(include_url=False, include_input=False)]
    shown = [_error(item["loc"], words(item, _NAMES)) for item in found[:MAXIMUM_PROBLEMS]]
    more = len(found) - len(shown)
    return [*shown, _error(above, f"and {more} more problems")] if more else shown


def _error(loc: Any, text: str) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("contract", "{problem}", {"problem": text}), loc=loc, input=None)


def _rules_between_fields(data: Mapping[str, Any]) -> Iterator[InitErrorDetails]:
    """Judge content and provider. A field of the wrong type is the model's to refuse, and counts as content here."""
    if not any(_is_content(name, data[name]) for name in ("text", *MEDIA_FIELDS, "template") if name in data):
        yield _error(("text",), "required and not blank when there is no media URL and no template")
    provider = data.get("provider")
    if provider in ("twlowa", "gswa"):
        yield from (_error((name,), "only for provider twlo") for name in MEDIA_FIELDS if name in data)
        yield from _variables_of(provider, data.get("template"))
    elif provider == "twlo" and "template" in data:
        yield _error(("template",), "only for the providers twlowa and gswa")


def _is_content(name: str, value: object) -> bool:
    if name == "text" and isinstance(value, str):
        return bool(value.strip())
    return value != [] if name == "image_urls" else True


def _variables_of(provider: str, template: object) -> list[InitErrorDetails]:
    variables = template.get("variables") if isinstance(template, dict) else None
    if not isinstance(variables, dict):
        return []
    try:
        VARIABLES[provider].model_validate(variables)
    except ValidationError as error:
        return _in_words(error, "template", "variables")
    return []


# --- judging, forwarding --------------------------------------------------------------------------------------------


def check(content: object) -> Message | Invalid:
    """Judge what should be a message, with Powertools' parser; never raises."""
    if not isinstance(content, dict):
        return Invalid((Problem("", "a message is a JSON object"),))
    if is_deeper(content, MAXIMUM_DEPTH):
        return Invalid((Problem("", f"nested more than {MAXIMUM_DEPTH} levels deep"),))
    try:
        return parse(event=content, model=Message)
    except ValidationError as error:
        return Invalid(tuple(Problem(dotted(item["loc"]), item["msg"]) for item in error.errors(include_input=False)))


def forwarded(content: Mapping[str, Any]) -> bytes:
    """What Sociocs gets: the producer's own values less `metadata`, as ASCII JSON.

    Raises:
        ValueError: when it holds a number that JSON does not have, which only a direct invocation can bring.
    """
    body = {name: value for name, value in content.items() if name != "metadata"}
    return json.dumps(body, allow_nan=False, separators=(",", ":")).encode("ascii")
