"""What is not a message, and that each refusal names exactly the fields that are wrong, and no value."""

import copy
import json
from typing import Any

import pytest

from message_sender.contract.message import MAXIMUM_PROBLEMS, check
from message_sender.contract.problems import Invalid
from message_sender.contract.strict_json import MAXIMUM_DEPTH, read_json
from tests.support import ROOT
from tests.support.builders import gupshup_template, message, twilio_template

NOBODY = "<name not shown>"
"""What stands for a name that might be personal data."""


def without(name: str, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """Take a field out of a valid message."""
    return {key: value for key, value in (fields or message()).items() if key != name}


def null(name: str) -> dict[str, Any]:
    """Give a field of a valid message the value null."""
    return {**message(), name: None}


def contact(**fields: Any) -> dict[str, Any]:
    """Put fields into `contact_saving`."""
    return message(contact_saving=fields)


def metadata(**fields: Any) -> dict[str, Any]:
    """Put fields into `metadata`."""
    return message(metadata=fields)


def twilio(variables: Any) -> dict[str, Any]:
    """Give a Twilio template these variables."""
    return twilio_template(template={"id": "HX01", "variables": variables})


def gupshup(variables: Any) -> dict[str, Any]:
    """Give a Gupshup template these variables."""
    return gupshup_template(template={"id": "c6ae", "variables": variables})


CASES: list[tuple[str, Any, set[str]]] = [
    # Not an object.
    ("null instead of a message", None, {""}),
    ("a string instead of a message", "hello", {""}),
    ("a number instead of a message", 5, {""}),
    ("true instead of a message", True, {""}),
    ("an array instead of a message", [message()], {""}),
    ("an empty array instead of a message", [], {""}),
    ("an object nested beyond reason", contact(extra_fields=json.loads('{"a":' * 120 + "1" + "}" * 120)), {""}),
    # Required fields.
    ("provider missing", without("provider"), {"provider"}),
    ("channel_key missing", without("channel_key"), {"channel_key"}),
    ("to missing", without("to"), {"to"}),
    ("no content at all", without("text"), {"text"}),
    ("nothing at all", {}, {"provider", "channel_key", "to", "text"}),
    # provider
    ("provider unknown", message(provider="sms"), {"provider"}),
    ("provider in upper case", message(provider="TWLO"), {"provider"}),
    ("provider with a space", message(provider="twlo "), {"provider"}),
    ("provider empty", message(provider=""), {"provider"}),
    ("provider null", null("provider"), {"provider"}),
    ("provider a number", message(provider=1), {"provider"}),
    ("provider an array", message(provider=["twlo"]), {"provider"}),
    # channel_key
    ("channel_key empty", message(channel_key=""), {"channel_key"}),
    ("channel_key blank", message(channel_key=" \t"), {"channel_key"}),
    ("channel_key null", null("channel_key"), {"channel_key"}),
    ("channel_key a number", message(channel_key=12345), {"channel_key"}),
    ("channel_key an object", message(channel_key={"key": "ck"}), {"channel_key"}),
    # to
    ("to empty", message(to=""), {"to"}),
    ("to only a plus", message(to="+"), {"to"}),
    ("to with 6 digits", message(to="+161755"), {"to"}),
    ("to with 16 digits", message(to="+1617555012345678"), {"to"}),
    ("to starting with 0", message(to="016175550123"), {"to"}),
    ("to starting with +0", message(to="+016175550123"), {"to"}),
    ("to starting with 00", message(to="0016175550123"), {"to"}),
    ("to with spaces", message(to="+1 617 555 0123"), {"to"}),
    ("to with dashes", message(to="617-555-0123"), {"to"}),
    ("to with parentheses", message(to="+1(617)5550123"), {"to"}),
    ("to with dots", message(to="1.617.555.0123"), {"to"}),
    ("to with two pluses", message(to="++16175550123"), {"to"}),
    ("to with a plus at its end", message(to="16175550123+"), {"to"}),
    ("to with a space before it", message(to=" +16175550123"), {"to"}),
    ("to with a newline after it", message(to="+16175550123\n"), {"to"}),
    ("to with letters", message(to="1800FLOWERS"), {"to"}),
    ("to with a WhatsApp prefix", message(to="whatsapp:+16175550123"), {"to"}),
    ("to with Arabic digits", message(to="+١٦١٧٥٥٥٠١٢٣"), {"to"}),
    (
        "to with full-width digits",
        message(to="\uff11\uff16\uff11\uff17\uff15\uff15\uff15\uff10\uff11\uff12\uff13"),
        {"to"},
    ),
    ("to with an invisible character", message(to="+1617555\u200b0123"), {"to"}),
    ("to a number", message(to=16175550123), {"to"}),
    ("to null", null("to"), {"to"}),
    ("to an array", message(to=["+16175550123"]), {"to"}),
    # name and user_id
    ("name a number", message(name=7), {"name"}),
    ("name null", null("name"), {"name"}),
    ("name an object", message(name={"first": "John"}), {"name"}),
    ("user_id a number", message(user_id=7), {"user_id"}),
    ("user_id null", null("user_id"), {"user_id"}),
    ("user_id empty", message(user_id=""), {"user_id"}),
    ("user_id blank", message(user_id="  "), {"user_id"}),
    # text
    ("text empty and alone", message(text=""), {"text"}),
    ("text blank and alone", message(text=" \n\t"), {"text"}),
    ("text of no-break spaces and alone", message(text="\u00a0\u2003"), {"text"}),
    ("text a number", message(text=5), {"text"}),
    ("text true", message(text=True), {"text"}),
    ("text null", null("text"), {"text"}),
    ("text an array", message(text=["Hi"]), {"text"}),
    ("text null beside media", {**null("text"), "image_url": "https://example.com/a.png"}, {"text"}),
    # Media.
    ("image_url relative", message(image_url="/a.png"), {"image_url"}),
    ("image_url without a scheme", message(image_url="example.com/a.png"), {"image_url"}),
    ("image_url with no more than slashes for a scheme", message(image_url="//example.com/a.png"), {"image_url"}),
    ("image_url with the scheme ftp", message(image_url="ftp://example.com/a.png"), {"image_url"}),
    ("image_url with the scheme data", message(image_url="data:image/png;base64,AAAA"), {"image_url"}),
    ("image_url without a host", message(image_url="https:///a.png"), {"image_url"}),
    ("image_url with a port for a host", message(image_url="https://:443/a.png"), {"image_url"}),
    ("image_url of a scheme alone", message(image_url="https://"), {"image_url"}),
    ("image_url with a space", message(image_url="https://example.com/a b.png"), {"image_url"}),
    ("image_url with a newline after it", message(image_url="https://example.com/a.png\n"), {"image_url"}),
    ("image_url empty", message(image_url=""), {"image_url"}),
    ("image_url null", null("image_url"), {"image_url"}),
    ("image_url an array", message(image_url=["https://example.com/a.png"]), {"image_url"}),
    ("image_urls a string", message(image_urls="https://example.com/a.png"), {"image_urls"}),
    ("image_urls null", null("image_urls"), {"image_urls"}),
    ("image_urls empty and alone", message(text=None, image_urls=[]), {"text"}),
    ("image_urls empty beside a blank text", message(text=" ", image_urls=[]), {"text"}),
    ("image_urls with one that is relative", message(image_urls=["https://a.example/b", "b"]), {"image_urls.1"}),
    ("image_urls with a number", message(image_urls=[5]), {"image_urls.0"}),
    ("image_urls with null", message(image_urls=[None]), {"image_urls.0"}),
    ("video_url relative", message(video_url="a.mp4"), {"video_url"}),
    ("video_url a number", message(video_url=4), {"video_url"}),
    ("file_url relative", message(file_url="a.pdf"), {"file_url"}),
    ("file_url with the scheme file", message(file_url="file:///a.pdf"), {"file_url"}),
    ("file_url null", null("file_url"), {"file_url"}),
    # Providers.
    ("a template by SMS", message(template={"id": "HX01"}), {"template"}),
    ("an image by Twilio WhatsApp", message(provider="twlowa", image_url="https://a.example/b"), {"image_url"}),
    ("images by Twilio WhatsApp", message(provider="twlowa", image_urls=["https://a.example/b"]), {"image_urls"}),
    ("a video by Twilio WhatsApp", message(provider="twlowa", video_url="https://a.example/b"), {"video_url"}),
    ("a file by Gupshup", message(provider="gswa", file_url="https://a.example/b"), {"file_url"}),
    ("no images by Gupshup", message(provider="gswa", image_urls=[]), {"image_urls"}),
    # template
    ("template a string", twilio_template(template="HX01"), {"template"}),
    ("template null", {**twilio_template(), "template": None}, {"template"}),
    ("template null beside a text", message(provider="gswa") | {"template": None}, {"template"}),
    ("template an array", twilio_template(template=[{"id": "HX01"}]), {"template"}),
    ("template without id", twilio_template(template={"variables": {"1": "John"}}), {"template.id"}),
    ("template empty", gupshup_template(template={}), {"template.id"}),
    ("template.id empty", twilio_template(template={"id": ""}), {"template.id"}),
    ("template.id blank", gupshup_template(template={"id": "  "}), {"template.id"}),
    ("template.id a number", gupshup_template(template={"id": 5}), {"template.id"}),
    ("template.id null", gupshup_template(template={"id": None}), {"template.id"}),
    ("template with an unknown field", twilio_template(template={"id": "HX01", "lang": "en"}), {"template.lang"}),
    ("variables null", twilio(None), {"template.variables"}),
    ("variables an array", twilio(["John"]), {"template.variables"}),
    ("variables a string", gupshup("John"), {"template.variables"}),
    ("a Twilio variable that is null", twilio({"1": None}), {"template.variables.1"}),
    ("a Twilio variable that is an object", twilio({"1": {"a": "b"}}), {"template.variables.1"}),
    ("a Twilio variable that is an array", twilio({"1": ["a"]}), {"template.variables.1"}),
    ("Gupshup's shape through Twilio", twilio({"Body": {"1": "John"}}), {"template.variables.Body"}),
    ("Twilio's shape through Gupshup", gupshup({"1": "John"}), {"template.variables.1"}),
    ("a Gupshup part in lower case", gupshup({"body": {"1": "John"}}), {"template.variables.body"}),
    ("a Gupshup part that is a string", gupshup({"Body": "John"}), {"template.variables.Body"}),
    ("a Gupshup part that is an array", gupshup({"Header": ["John"]}), {"template.variables.Header"}),
    ("a Gupshup part that is null", gupshup({"Buttons": None}), {"template.variables.Buttons"}),
    ("a Gupshup variable that is null", gupshup({"Body": {"1": None}}), {"template.variables.Body.1"}),
    ("a Gupshup variable that is an object", gupshup({"Buttons": {"1": {}}}), {"template.variables.Buttons.1"}),
    ("MEDIA_URL relative", gupshup({"MEDIA_URL": "ticket.pdf"}), {"template.variables.MEDIA_URL"}),
    ("MEDIA_URL an object", gupshup({"MEDIA_URL": {"1": "a"}}), {"template.variables.MEDIA_URL"}),
    # contact_saving
    ("contact_saving true", message(contact_saving=True), {"contact_saving"}),
    ("contact_saving null", null("contact_saving"), {"contact_saving"}),
    ("contact_saving with an unknown field", contact(listid=1), {"contact_saving.listid"}),
    ("save a string", contact(save="true"), {"contact_saving.save"}),
    ("save a number", contact(save=1), {"contact_saving.save"}),
    ("save null", contact(save=None), {"contact_saving.save"}),
    ("list_id a string", contact(list_id="0"), {"contact_saving.list_id"}),
    ("list_id a fraction", contact(list_id=1.5), {"contact_saving.list_id"}),
    ("list_id negative", contact(list_id=-1), {"contact_saving.list_id"}),
    ("list_id true", contact(list_id=True), {"contact_saving.list_id"}),
    ("list_id null", contact(list_id=None), {"contact_saving.list_id"}),
    ("extra_fields an array", contact(extra_fields=[]), {"contact_saving.extra_fields"}),
    ("extra_fields a string", contact(extra_fields="a=b"), {"contact_saving.extra_fields"}),
    ("extra_fields null", contact(extra_fields=None), {"contact_saving.extra_fields"}),
    # schedule
    ("schedule a date alone", message(schedule="2026-11-23"), {"schedule"}),
    ("schedule a time alone", message(schedule="15:04:05"), {"schedule"}),
    ("schedule with a space for the T", message(schedule="2026-11-23 15:04:05"), {"schedule"}),
    ("schedule in month 13", message(schedule="2026-13-01T00:00:00Z"), {"schedule"}),
    ("schedule on day 0", message(schedule="2026-11-00T00:00:00Z"), {"schedule"}),
    ("schedule on 31 November", message(schedule="2026-11-31T00:00:00Z"), {"schedule"}),
    ("schedule on 30 February", message(schedule="2028-02-30T00:00:00Z"), {"schedule"}),
    ("schedule on 29 February of a year without one", message(schedule="2026-02-29T00:00:00Z"), {"schedule"}),
    ("schedule at hour 24", message(schedule="2026-11-23T24:00:00Z"), {"schedule"}),
    ("schedule at minute 60", message(schedule="2026-11-23T10:60:00Z"), {"schedule"}),
    ("schedule at second 60", message(schedule="2026-11-23T10:00:60Z"), {"schedule"}),
    ("schedule with an offset of a day", message(schedule="2026-11-23T10:00:00+24:00"), {"schedule"}),
    ("schedule with a named zone", message(schedule="2026-11-23T10:00:00 EST"), {"schedule"}),
    ("schedule half basic, half extended", message(schedule="20261123T10:00:00Z"), {"schedule"}),
    ("schedule as people write it", message(schedule="tomorrow at 9"), {"schedule"}),
    ("schedule as epoch seconds", message(schedule=1795428000), {"schedule"}),
    ("schedule as epoch seconds in a string", message(schedule="1795428000"), {"schedule"}),
    ("schedule with a newline after it", message(schedule="2026-11-23T10:00:00Z\n"), {"schedule"}),
    ("schedule empty", message(schedule=""), {"schedule"}),
    ("schedule null", null("schedule"), {"schedule"}),
    # metadata
    ("metadata a string", message(metadata="order-1001"), {"metadata"}),
    ("metadata null", null("metadata"), {"metadata"}),
    ("metadata with an unknown field", metadata(priority=1), {"metadata.priority"}),
    ("idempotency_key empty", metadata(idempotency_key=""), {"metadata.idempotency_key"}),
    ("idempotency_key of 257 characters", metadata(idempotency_key="k" * 257), {"metadata.idempotency_key"}),
    ("idempotency_key a number", metadata(idempotency_key=1001), {"metadata.idempotency_key"}),
    ("idempotency_key null", metadata(idempotency_key=None), {"metadata.idempotency_key"}),
    ("reference of 257 characters", metadata(reference="r" * 257), {"metadata.reference"}),
    ("reference a number", metadata(reference=1001), {"metadata.reference"}),
    ("expires_at without an offset", metadata(expires_at="2026-11-24T10:00:00"), {"metadata.expires_at"}),
    ("expires_at a date alone", metadata(expires_at="2026-11-24"), {"metadata.expires_at"}),
    ("expires_at as epoch seconds", metadata(expires_at=1795428000), {"metadata.expires_at"}),
    ("expires_at on 29 February 2100", metadata(expires_at="2100-02-29T00:00:00Z"), {"metadata.expires_at"}),
    ("expires_at null", metadata(expires_at=None), {"metadata.expires_at"}),
    # Unknown fields.
    ("schedule misspelt", message(shedule="2026-11-23T10:00:00Z"), {"shedule"}),
    ("text in the wrong case", message(Text="Hi"), {"Text"}),
    ("a field of another API", message(body="Hi"), {"body"}),
    ("an unknown field that is null", {**message(), "priority": None}, {"priority"}),
    ("reference beside metadata", message(reference="order-1001"), {"reference"}),
    ("a field whose name is empty", {**message(), "": 1}, {NOBODY}),
    ("a field whose name is a phone number", {**message(), "+16175550123": 1}, {NOBODY}),
    ("a field whose name is a dashed phone number", {**message(), "tel617-555-0123": 1}, {NOBODY}),
    ("a field whose name is a person's", {**message(), "John Smith": 1}, {NOBODY}),
    (
        "a variable named like a phone number",
        gupshup({"Body": {"16175550123": []}}),
        {f"template.variables.Body.{NOBODY}"},
    ),
    # Several at once.
    ("a typo and a wrong type", message(shedule="x", to=5), {"shedule", "to"}),
    ("fields and the rule between them", message(text="", to="12"), {"text", "to"}),
    (
        "something in every part",
        {
            "provider": "twlowa",
            "to": "617",
            "txt": "Hi",
            "image_url": "https://example.com/a.png",
            "template": {"variables": {"1": None}},
            "contact_saving": {"save": "yes", "list_id": -1},
            "schedule": "soon",
            "metadata": {"idempotency_key": "", "expires_at": "soon", "ref": "x"},
        },
        {
            "channel_key",
            "to",
            "txt",
            "image_url",
            "template.id",
            "template.variables.1",
            "contact_saving.save",
            "contact_saving.list_id",
            "schedule",
            "metadata.idempotency_key",
            "metadata.expires_at",
            "metadata.ref",
        },
    ),
]


def problems_of(content: object) -> Invalid:
    """Judge something that is not a message."""
    verdict = check(content)
    assert isinstance(verdict, Invalid)
    return verdict


def test_the_table_is_as_long_as_it_claims_to_be() -> None:
    """At least a hundred cases, each written once."""
    assert len(CASES) >= 100
    assert len({name for name, _, _ in CASES}) == len(CASES)


@pytest.mark.parametrize(("content", "fields"), [pytest.param(c, f, id=name) for name, c, f in CASES])
def test_a_refusal_names_exactly_the_fields_that_are_wrong(content: object, fields: set[str]) -> None:
    """All of them at once, no other, and each as `field: what is wrong`."""
    verdict = problems_of(content)

    assert {problem.field for problem in verdict.problems} == fields
    for problem in verdict.problems:
        assert problem.words
        assert str(problem) in str(verdict)
        assert str(problem).startswith(f"{problem.field}: " if problem.field else problem.words)


@pytest.mark.parametrize("content", [pytest.param(c, id=name) for name, c, _ in CASES])
def test_a_refusal_does_not_speak_of_the_library(content: object) -> None:
    """The words are the contract's: no name of a Python type or of the validator, no link to its pages."""
    text = str(problems_of(content)).lower()

    for word in ("pydantic", "input", "dict", "validat", "http://", "https://", "nonetype", "literal", "error"):
        assert word not in text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (message(shedule="x"), "shedule: unknown field, did you mean schedule?"),
        (message(chanel_key="x"), "chanel_key: unknown field, did you mean channel_key?"),
        (message(imageUrl="x"), "imageUrl: unknown field, did you mean image_url?"),
        (message(Text="x"), "Text: unknown field, did you mean text?"),
        (message(reference="x"), "reference: unknown field, did you mean metadata.reference?"),
        (message(list_id=1), "list_id: unknown field, did you mean contact_saving.list_id?"),
        (message(variables={}), "variables: unknown field, did you mean template.variables?"),
        (contact(listid=1), "contact_saving.listid: unknown field, did you mean contact_saving.list_id?"),
        (metadata(expire_at=1), "metadata.expire_at: unknown field, did you mean metadata.expires_at?"),
        (gupshup({"body": {}}), "template.variables.body: unknown field, did you mean template.variables.Body?"),
        (gupshup({"media_url": "x"}), "template.variables.media_url: unknown field"),
        (message(zzzz=1), "zzzz: unknown field"),
    ],
)
def test_the_nearest_known_name_is_suggested(content: object, said: str) -> None:
    """A typo gets the name that was meant, a known name in the wrong place its path, anything else no guess."""
    assert said in str(problems_of(content))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (without("to"), "to: required"),
        (without("text"), "text: required and not blank when there is no media URL and no template"),
        (message(to=5), "to: must be a string"),
        (message(provider="x"), "provider: must be one of 'twlo', 'twlowa' or 'gswa'"),
        (contact(save="true"), "contact_saving.save: must be true or false"),
        (contact(list_id="0"), "contact_saving.list_id: must be a whole number"),
        (contact(list_id=-1), "contact_saving.list_id: must be 0 or more"),
        (contact(extra_fields=[]), "contact_saving.extra_fields: must be an object"),
        (message(image_urls="x"), "image_urls: must be an array"),
        (message(image_url="x"), "image_url: must be an absolute http or https URL"),
        (message(schedule="x"), "schedule: must be an ISO 8601 date and time, such as 2006-01-02T15:04:05-04:00"),
        (metadata(idempotency_key=""), "metadata.idempotency_key: must have at least 1 character"),
        (metadata(idempotency_key="k" * 257), "metadata.idempotency_key: must have at most 256 characters"),
        (message(template={"id": "x"}), "template: only for the providers twlowa and gswa"),
        (message(provider="gswa", file_url="https://a.example/b"), "file_url: only for provider twlo"),
        (twilio({"1": None}), "template.variables.1: must be a string, a number or a boolean"),
        ([], "a message is a JSON object"),
    ],
)
def test_each_rule_has_words_of_its_own(content: object, said: str) -> None:
    """A producer who reads the refusal knows what to change."""
    assert str(problems_of(content)) == said


def test_one_level_less_than_too_deep_is_a_message() -> None:
    """Nesting is bounded at the level that the refusal names."""

    def nested(levels: int) -> dict[str, Any]:
        inner = json.loads('{"a":' * levels + "1" + "}" * levels)
        return contact(extra_fields=inner)

    assert not isinstance(check(nested(MAXIMUM_DEPTH - 2)), Invalid)  # the message and `contact_saving` are two
    assert str(problems_of(nested(MAXIMUM_DEPTH - 1))) == f"nested more than {MAXIMUM_DEPTH} levels deep"


# --- no value in a refusal ------------------------------------------------------------------------------------------

MARKERS = ("+447700900123", "447700900123", "Zebedee", "qwxyz", "900123", "Quentin Marker")


def marked(node: Any) -> Any:
    """Put markers wherever there is a value, keeping what kind of value it is."""
    if isinstance(node, dict):
        return {name: marked(value) for name, value in node.items()}
    if isinstance(node, list):
        return [marked(value) for value in node]
    if isinstance(node, str):
        return f"{node}qwxyz +447700900123 Zebedee"
    return 447700900123 if type(node) is int else node


@pytest.mark.parametrize("content", [pytest.param(c, id=name) for name, c, _ in CASES])
def test_a_refusal_holds_no_value(content: Any) -> None:
    """Neither with markers in every value, nor with markers for the names of fields beside them."""
    personal = {"+447700900123": "Zebedee", "Quentin Marker": "qwxyz", "qwxyz@example.com": 1, "_447700900123": 2}
    variants = [content, marked(content)]
    if isinstance(content, dict):
        variants += [{**marked(content), **personal}, {**content, "contact_saving": personal, "metadata": personal}]
        for parts in ({"Body": personal}, personal, {**personal, "Header": {"Quentin Marker": personal}}):
            template = {"id": "qwxyz", "variables": parts, **personal}
            variants += [{**content, "provider": name, "template": template} for name in ("twlo", "twlowa", "gswa")]

    for variant in variants:
        before = copy.deepcopy(variant)
        verdict = check(variant)
        text = f"{verdict} {verdict!r}" if isinstance(verdict, Invalid) else ""
        assert not [marker for marker in MARKERS if marker in text]
        assert variant == before


def test_the_words_are_on_the_page_for_producers() -> None:
    """Whoever reads a refusal finds its words in docs/contract.md."""
    page = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
    said = {problem.words.split(", did you mean")[0] for _, c, _ in CASES for problem in problems_of(c).problems}

    assert not {words for words in said if f"`{words}`" not in page}


def test_a_body_with_a_hundred_thousand_problems_is_judged_at_once() -> None:
    """No body makes the function slow, or its refusal longer than a person reads."""
    names = {f"field_{letters}": 1 for letters in map(_letters, range(100_000))}

    found = check(message(**names))

    assert isinstance(found, Invalid)
    assert len(found.problems) == MAXIMUM_PROBLEMS + 1
    assert str(found.problems[-1]) == "and more problems"


MANY = [str(number) for number in range(100_000)]


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (message(text=None, image_urls=MANY), 1),
        (twilio_template(template={"id": "HX01", "variables": dict.fromkeys(MANY)}), MAXIMUM_PROBLEMS + 1),
        (gupshup_template(template={"id": "t", "variables": dict.fromkeys(MANY)}), MAXIMUM_PROBLEMS + 1),
        (gupshup_template(template={"id": "t", "variables": {"Body": dict.fromkeys(MANY)}}), MAXIMUM_PROBLEMS + 1),
        (message(metadata=dict.fromkeys(MANY, "x")), MAXIMUM_PROBLEMS + 1),
        (message(contact_saving=dict.fromkeys(MANY, 1)), MAXIMUM_PROBLEMS + 1),
    ],
)
def test_refusing_is_bounded_wherever_the_problems_are(content: dict[str, Any], problems: int) -> None:
    """What collects a hundred thousand errors before it shows fifty takes seconds of CPU."""
    found = check(content)

    assert isinstance(found, Invalid)
    assert len(found.problems) == problems


def test_a_name_given_twice_among_many_is_found_at_once() -> None:
    """The time to find it grows with the body, not with its square."""
    pairs = ",".join(f'"{_letters(number)}":1' for number in (*range(100_000), 99_999))

    with pytest.raises(ValueError, match="given twice"):
        read_json("{" + pairs + "}")


def _letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))
