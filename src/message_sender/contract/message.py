"""The producer's contract: what a message may be, and every problem with one that is not.

The rules are those of the Sociocs API's page "Send message"; docs/contract.md is the page for producers. The model
judges and never rewrites: what goes to Sociocs is the producer's own JSON less `metadata` (see `forwarded`).
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Annotated, Literal

from aws_lambda_powertools.utilities.parser import BaseModel, Field, ValidationError, model_validator, parse
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    FailFast,
    RootModel,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails, PydanticCustomError

from message_sender.contract.formats import DateTime, DateTimeWithOffset, MayBeAbsent, NonBlank, Phone, Url
from message_sender.contract.problems import Invalid, Problem, dotted, words
from message_sender.contract.strict_json import MAXIMUM_DEPTH, is_deeper, member_texts

MEDIA_FIELDS = ("image_url", "image_urls", "video_url", "file_url")
MAXIMUM_PROBLEMS = 50
"""More than a person reads; a body of a megabyte can have a hundred thousand."""


def _whole(value: object) -> object:
    # JSON has one kind of number: 3.0 is the integer 3 to JSON Schema, and what is forwarded stays as it came.
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _flats(values: dict[str, object]) -> dict[str, object]:
    """Judge the values of placeholders, up to the bound: pydantic collects every error before one is shown."""
    found = (name for name, value in values.items() if not isinstance(value, str | bool | int | float))
    bad = list(islice(found, MAXIMUM_PROBLEMS + 1))
    if bad:
        errors = [_error((name,), "must be a string, a number or a boolean") for name in bad[:MAXIMUM_PROBLEMS]]
        if len(bad) > MAXIMUM_PROBLEMS:
            errors.append(_error((), "and more problems"))
        raise ValidationError.from_exception_data("variables", errors, hide_input=True)
    return values


_FLAT = {"type": ["string", "number", "boolean"]}
_Flats = Annotated[
    dict[str, object], AfterValidator(_flats), WithJsonSchema({"type": "object", "additionalProperties": _FLAT})
]


def _about(description: str, *examples: object) -> FieldInfo:
    """Describe a field for the JSON Schema."""
    field: FieldInfo = Field(description=description, examples=list(examples) or None)
    return field


def _title(name: str, _: object) -> str:
    title = name.replace("_", " ").capitalize()
    return re.sub(r"\b(?:id\b|url)", lambda found: found[0].upper(), title, flags=re.IGNORECASE)


# --- the model ------------------------------------------------------------------------------------------------------


class _Part(BaseModel):
    """Strict types, no unknown fields, and errors that never hold a value."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, hide_input_in_errors=True, field_title_generator=_title
    )

    @model_validator(mode="before")
    @classmethod
    def _bound_unknown_fields(cls, data: object) -> object:
        """Leave out unknown fields beyond the bound: pydantic makes an error of each before one is shown."""
        if not isinstance(data, dict) or len(data) <= len(cls.model_fields) + MAXIMUM_PROBLEMS:
            return data
        unknown = list(islice((name for name in data if name not in cls.model_fields), MAXIMUM_PROBLEMS + 1))
        return {name: data[name] for name in (*cls.model_fields, *unknown) if name in data}


class TwilioVariables(RootModel[_Flats]):
    """Values of the placeholders of a Twilio WhatsApp template."""

    model_config = ConfigDict(strict=True, hide_input_in_errors=True)


class GupshupVariables(_Part):
    """Values of the placeholders of a Gupshup WhatsApp template, part by part."""

    MEDIA_URL: Annotated[MayBeAbsent[Url], _about("URL of the template's media.", "https://example.com/ticket.pdf")] = (
        None
    )
    Header: Annotated[MayBeAbsent[_Flats], _about("Values of the header's placeholders.", {"1": "John"})] = None
    Body: Annotated[
        MayBeAbsent[_Flats], _about("Values of the body's placeholders.", {"1": "ORDER-1001", "2": "Friday"})
    ] = None
    Buttons: Annotated[MayBeAbsent[_Flats], _about("Values of the buttons' placeholders.", {"1": "Track"})] = None


VARIABLES: Mapping[str, type[BaseModel]] = {"twlowa": TwilioVariables, "gswa": GupshupVariables}
"""The shape of a template's variables, by provider."""


class Template(_Part):
    """A WhatsApp template and the values of its placeholders."""

    id: Annotated[
        NonBlank,
        _about(
            "`twlowa`: Template SID of Twilio's Content Template Builder; `gswa`: template ID of Gupshup.",
            "HX0123456789abcdef0123456789abcdef",
        ),
    ]
    variables: Annotated[
        MayBeAbsent[dict[str, object]],
        _about(
            "`twlowa`: a flat object; `gswa`: `MEDIA_URL` and an object for each of `Header`, `Body` and `Buttons`.",
            {"1": "John", "2": "john@example.com"},
            {"Header": {"1": "John"}, "Body": {"1": "ORDER-1001"}},
        ),
    ] = None


class ContactSaving(_Part):
    """Whether to save the recipient as a contact."""

    save: Annotated[
        MayBeAbsent[bool],
        _about("Save the phone number, the name and the extra fields as a contact. Sociocs's default is false.", True),
    ] = None
    list_id: Annotated[
        MayBeAbsent[Annotated[int, Field(ge=0), BeforeValidator(_whole)]],
        _about('Contact list; 0 is "All Contacts", Sociocs\'s default.', 0),
    ] = None
    extra_fields: Annotated[
        MayBeAbsent[dict[str, object]],
        _about("Custom fields of the contact.", {"email_address": "john@example.com", "id": 987123}),
    ] = None


class Metadata(_Part):
    """For this sender, never forwarded to Sociocs."""

    idempotency_key: Annotated[
        MayBeAbsent[str],
        Field(min_length=1, max_length=256),
        _about(
            "The same key is sent once within 15 days. Not for personal data.",
            "order-1001-shipped",
        ),
    ] = None
    expires_at: Annotated[
        MayBeAbsent[DateTimeWithOffset],
        _about("Past it the message is not sent but dead-lettered.", "2026-11-24T10:00:00Z"),
    ] = None
    reference: Annotated[
        MayBeAbsent[str],
        Field(max_length=256),
        _about("The producer's own id, echoed in outcome events and logs. Not for personal data.", "order-1001"),
    ] = None


class Message(_Part):
    """A message for Sociocs: the body of its "Send message" API, plus the optional `metadata` for this sender."""

    model_config = ConfigDict(title="Sociocs message")

    provider: Annotated[
        Literal["twlo", "twlowa", "gswa"],
        _about(
            "`twlo`: SMS through Twilio; `twlowa`: WhatsApp through Twilio; `gswa`: WhatsApp through Gupshup.", "twlo"
        ),
    ]
    channel_key: Annotated[NonBlank, _about("Channel key from Sociocs, Profile & settings -> API.", "ck_main")]
    to: Annotated[
        Phone,
        _about(
            "Phone number starting with the country code, with or without a leading plus.",
            "+16175551212",
            "16175551212",
        ),
    ]
    name: Annotated[MayBeAbsent[str], _about("Recipient's name.", "John")] = None
    text: Annotated[
        MayBeAbsent[str],
        _about("Message text. Needed when there is no media URL and no template.", "Your order has shipped"),
    ] = None
    image_url: Annotated[
        MayBeAbsent[Url], _about("Publicly accessible URL of an image. Only for `twlo`.", "https://example.com/a.png")
    ] = None
    image_urls: Annotated[
        MayBeAbsent[list[Url]],
        FailFast(),
        _about("Publicly accessible URLs of images. Only for `twlo`.", ["https://example.com/a.png"]),
    ] = None
    video_url: Annotated[
        MayBeAbsent[Url], _about("Publicly accessible URL of a video. Only for `twlo`.", "https://example.com/a.mp4")
    ] = None
    file_url: Annotated[
        MayBeAbsent[Url], _about("Publicly accessible URL of a file. Only for `twlo`.", "https://example.com/a.pdf")
    ] = None
    template: Annotated[MayBeAbsent[Template], _about("WhatsApp template. Only for `twlowa` and `gswa`.")] = None
    contact_saving: Annotated[MayBeAbsent[ContactSaving], _about("Whether to save the recipient as a contact.")] = None
    schedule: Annotated[
        MayBeAbsent[DateTime], _about("When Sociocs sends it: an ISO 8601 date and time.", "2006-01-02T15:04:05-04:00")
    ] = None
    user_id: Annotated[
        MayBeAbsent[NonBlank], _about("ID of the Sociocs user who is shown as the sender.", "5f2b8c1e")
    ] = None
    metadata: Annotated[MayBeAbsent[Metadata], _about("For this sender, never forwarded to Sociocs.")] = None

    @model_validator(mode="wrap")
    @classmethod
    def _every_problem_at_once(cls, data: object, handler: ValidatorFunctionWrapHandler) -> "Message":
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
    found = error.errors(include_url=False, include_input=False)
    shown = []
    for item in found[:MAXIMUM_PROBLEMS]:
        loc = (*above, *item["loc"])
        shown.append(_error(loc, words({**item, "loc": loc}, _NAMES)))
    return [*shown, _error(above, "and more problems")] if len(found) > MAXIMUM_PROBLEMS else shown


def _error(loc: tuple[int | str, ...], text: str) -> InitErrorDetails:
    return InitErrorDetails(type=PydanticCustomError("contract", "{problem}", {"problem": text}), loc=loc, input=None)


def _rules_between_fields(data: Mapping[str, object]) -> Iterator[InitErrorDetails]:
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


def forwarded(content: Mapping[str, object], text: str | None) -> bytes:
    """Make what Sociocs gets: the message less `metadata`, as ASCII JSON.

    The order, the numbers and the escapes are the producer's own characters. Characters beyond ASCII are escaped, so
    that no reader can take them for another encoding.

    Args:
        content: the message.
        text: the JSON that `content` was read from; None when Lambda's runtime has read it.

    Raises:
        ValueError: it holds a number that JSON does not have, which only a direct invocation can bring.
    """
    if text is None:
        body = {name: value for name, value in content.items() if name != "metadata"}
        return json.dumps(body, allow_nan=False, separators=(",", ":")).encode("ascii")
    if "metadata" in content:
        members = (f"{json.dumps(name)}:{value}" for name, value in member_texts(text).items() if name != "metadata")
        text = f"{{{','.join(members)}}}"
    return _BEYOND_ASCII.sub(lambda run: json.dumps(run[0])[1:-1], text.strip()).encode("ascii")


_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
