"""Hypothesis strategies for valid messages, messages with mistakes, and bodies."""

import copy
import json
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.support.builders import eventbridge_event
from tools.write_schema import schema

SCHEDULE = schema()["properties"]["schedule"]["pattern"].removeprefix("^").removesuffix("$")
EXPIRES_AT = schema()["$defs"]["Metadata"]["properties"]["expires_at"]["pattern"].removeprefix("^").removesuffix("$")

texts = st.text(max_size=12)
not_blank = texts.filter(str.strip)
numbers = st.integers() | st.integers(-(10**60), 10**60) | st.floats(allow_nan=False, allow_infinity=False)
flat = texts | numbers | st.booleans()
flats = st.dictionaries(st.sampled_from("123456789") | texts, flat, max_size=4)
json_values = st.recursive(
    st.none() | flat,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=6,
)
"""Any JSON value."""

phones = st.builds(str.__add__, st.sampled_from(["", "+"]), st.integers(10**6, 10**15 - 1).map(str))
urls = st.builds(
    "{}://{}{}".format,
    st.sampled_from(["http", "https", "HTTPS", "hTtP"]),
    st.sampled_from(["a", "example.com", "[2001:db8::1]", "u:p@example.com:8080", "\U0001f69a", "b\u00fccher.example"]),
    st.sampled_from(["", "/", "/a.png?b=%20#c"]) | texts.map(lambda text: "/" + "".join(text.split())),
)


def has_a_calendar_day(text: str) -> bool:
    """Return whether the calendar has this day. The pattern matches one day that may not exist: 29 February."""
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


any_date_times = st.from_regex(SCHEDULE, fullmatch=True)
any_date_times_with_offset = st.from_regex(EXPIRES_AT, fullmatch=True)
"""Any text that the pattern matches. These strategies are slow."""

_days = st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H", "%Y%m%dT%H%M%S", "%Y-%m-%dT%H:%M:%S.%f"])
_FIRST, _LAST = datetime.fromisoformat("1000-01-01"), datetime.fromisoformat("2999-12-31")
_offsets = st.sampled_from(["Z", "+00:00", "-04:00", "+0530", "+14", "-23:59"])
date_times = st.builds(datetime.strftime, st.datetimes(_FIRST, _LAST), _days)
date_times_with_offset = st.builds(str.__add__, date_times, _offsets)


def _optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


_media: dict[str, st.SearchStrategy[Any]] = {
    "image_url": urls,
    "image_urls": st.lists(urls, max_size=3),
    "video_url": urls,
    "file_url": urls,
}
_variables = {
    "twlowa": flats,
    "gswa": _optional(MEDIA_URL=urls, Header=flats, Body=flats, Buttons=flats),
}


def _of(provider: str) -> st.SearchStrategy[dict[str, Any]]:
    if provider == "twlo":
        special = _media
    else:
        template = st.fixed_dictionaries({"id": not_blank}, optional={"variables": _variables[provider]})
        special = {"template": template}
    optional = {
        "name": texts,
        "text": texts,
        "contact_saving": _optional(
            save=st.booleans(),
            list_id=st.integers(min_value=0) | st.integers(0, 99).map(float),
            extra_fields=st.dictionaries(texts, json_values, max_size=2),
        ),
        "schedule": date_times | date_times_with_offset,
        "user_id": not_blank,
        "metadata": _optional(
            idempotency_key=texts.filter(bool) | st.just("k" * 256),
            expires_at=date_times_with_offset,
            reference=texts | st.just("r" * 256),
        ),
        **special,
    }
    required = {"provider": st.just(provider), "channel_key": not_blank, "to": phones}
    messages = st.fixed_dictionaries(required, optional=optional)
    return st.builds(_with_content, messages, not_blank).flatmap(_in_any_order)


def _with_content(content: dict[str, Any], text: str) -> dict[str, Any]:
    """Add a text to a message without content."""
    has_text = bool(content.get("text", "").strip())
    others = ("image_url", "video_url", "file_url", "template")
    return (
        content if has_text or content.get("image_urls") or any(map(content.get, others)) else {**content, "text": text}
    )


def _in_any_order(content: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = list(content)
    return st.sampled_from([names, names[::-1], sorted(names)]).map(
        lambda order: {name: content[name] for name in order}
    )


valid_messages = st.sampled_from(["twlo", "twlowa", "gswa"]).flatmap(_of)
"""Any message that the contract allows."""


# --- mistakes -------------------------------------------------------------------------------------------------------

_FIELDS: list[tuple[Any, ...]] = [
    ("provider",),
    ("channel_key",),
    ("to",),
    ("name",),
    ("text",),
    ("image_url",),
    ("image_urls",),
    ("image_urls", 0),
    ("video_url",),
    ("file_url",),
    ("template",),
    ("template", "id"),
    ("template", "variables"),
    ("template", "variables", "1"),
    ("template", "variables", "MEDIA_URL"),
    ("template", "variables", "Body"),
    ("template", "variables", "Body", "1"),
    ("contact_saving",),
    ("contact_saving", "save"),
    ("contact_saving", "list_id"),
    ("contact_saving", "extra_fields"),
    ("schedule",),
    ("user_id",),
    ("metadata",),
    ("metadata", "idempotency_key"),
    ("metadata", "expires_at"),
    ("metadata", "reference"),
]
_EDGES: list[Any] = [
    *("", " ", "\n", "\u00a0", "0", "true", "null", "twlo", "twlowa", "gswa", "x" * 256, "x" * 257),
    *("+1234567", "+123456", "123456789012345", "1234567890123456", "+0123456789", "+1 617 555 0123", "++16175550123"),
    *("+16175550123\n", "+١٦١٧٥٥٥٠١٢٣", "1617555\u0660123", "+1617555\u200b0123"),
    *("http://a", "https://", "https:///a", "http://a b", "http://a\n", "ftp://a.example", "//a.example", "HTTP://A"),
    *("2026-11-23T10:00:00Z", "2026-11-23T10:00:00", "2026-11-23T10", "2026-11-23", "2026-11-31T10:00Z"),
    *("2026-11-23T10:00:00Z\n", "20261123T10:00Z", "2026-1\u0661-23T10:00Z", "2026-11-23t10:00z", "2026-11-23T24:00Z"),
    *(None, True, False, 0, 1, -1, 1.0, -0.0, -0.5, 1e300, 10**60, [], [""], {}, {"1": "a"}, {"1": None}, {"Body": {}}),
    *({"id": "x"}, {"id": ""}, {"save": True}, {"list_id": -1}, {"reference": "x"}),
]
_unknown_names = st.sampled_from(["shedule", "Text", "id", "reference", "MEDIA_URL"])
_edges = st.sampled_from(_EDGES).map(copy.deepcopy)


def _parent(content: Any, path: tuple[Any, ...]) -> Any:
    """Return the object or array that contains the end of a path. Missing objects on the way are made."""
    *parents, last = path
    for name in parents:
        if not isinstance(content, dict):
            return None
        content = content.setdefault(name, {})
    if isinstance(content, list):
        return content if last in range(len(content)) else None
    return content if isinstance(content, dict) else None


@st.composite
def mistaken_messages(draw: st.DrawFn) -> dict[str, Any]:
    """Change a valid message in one or two places. It may stay valid by chance."""
    content = copy.deepcopy(draw(valid_messages))
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from(_FIELDS))
        name: Any = path[-1]
        parent = _parent(content, path)
        mistake = draw(st.sampled_from(["drop", "edge", "anything", "unknown field", "affix"]))
        if parent is None:
            continue
        value = parent[name] if isinstance(parent, list) else parent.get(name)
        if mistake == "drop" and isinstance(parent, dict):
            parent.pop(name, None)
        elif mistake == "edge":
            parent[name] = draw(_edges)
        elif mistake == "anything":
            parent[name] = draw(json_values)
        elif mistake == "unknown field" and isinstance(parent, dict):
            parent.setdefault(draw(texts | _unknown_names), draw(_edges))
        elif mistake == "affix" and isinstance(value, str):
            affix = draw(st.sampled_from(["\n", " ", "0", "\u0660", "\ufeff", "Z"]))
            parent[name] = draw(st.sampled_from([affix + value, value + affix]))
    return content


# --- bodies ---------------------------------------------------------------------------------------------------------


def _nested(brackets: tuple[str, str], depth: int, inner: str) -> str:
    opening, closing = brackets
    return opening * depth + inner + closing * depth


_DEPTHS = [
    90,
    110,
    900,
    980,
    985,
    990,
    993,
    995,
    998,
    1000,
    3000,
    100_000,
]  # near the depths at which readers fail, and far beyond
_deep = st.builds(
    _nested, st.sampled_from([('{"a":', "}"), ("[", "]")]), st.sampled_from(_DEPTHS), st.sampled_from(["1", "null", ""])
)
_numbers = st.sampled_from(
    ["9" * 5000, "-" + "9" * 4300, "1e999", "-1e999", "NaN", "Infinity", "1E-999", "-0", "00", "1."]
)
_HOLES = [
    '{"provider":"twlo","channel_key":"c","to":"+16175550123","text":"x","contact_saving":{"extra_fields":{"a":%s}}}',
    json.dumps(eventbridge_event("%s")).replace('"%s"', "%s"),
    '{"provider":%s}',
    '{"metadata":{"idempotency_key":%s},"metadata":1}',
    "%s",
]
"""Texts with a place to insert another text."""
bodies = st.one_of(
    st.text(),
    st.binary().map(lambda raw: raw.decode("latin-1")),
    st.binary().map(lambda raw: raw.decode("utf-8", "replace")),
    json_values.map(json.dumps),
    mistaken_messages().map(json.dumps),
    st.builds(
        lambda hole, inner: hole.replace("%s", inner),
        st.sampled_from(_HOLES),
        _deep | _numbers | json_values.map(json.dumps),
    ),
)
"""Any text that can be the body of an SQS message."""
