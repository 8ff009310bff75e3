"""The shapes that strings of a message may have: validator and JSON Schema of each from the same expressions."""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, WithJsonSchema
from pydantic_core import PydanticCustomError


def _shape(words: str, pattern: str, never: str | None = None, check: Callable[[str], Any] | None = None) -> Any:
    """Annotate a string of one shape.

    `never` is what may not occur anywhere. It closes what `$` leaves open: in Python it also matches before a last
    newline, in other languages it does not.
    """
    must, must_not = re.compile(pattern), re.compile(never) if never else None
    schema: dict[str, Any] = {"type": "string", "pattern": pattern}
    if never:
        schema["not"] = {"pattern": never}

    def validate(value: str) -> str:
        fits = must.search(value) and not (must_not and must_not.search(value))
        try:
            if fits and check:
                check(value)
        except ValueError:
            fits = None
        if not fits:
            raise PydanticCustomError("shape", words)
        return value

    return Annotated[str, AfterValidator(validate), WithJsonSchema(schema)]


# ISO 8601, extended or basic, down to the hour. Days are right for each month; 29 February needs the calendar.
_DAY = (
    r"(?:(?:0[13578]|1[02]){0}(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11){0}(?:0[1-9]|[12][0-9]|30)"
    r"|02{0}(?:0[1-9]|[12][0-9]))"
)
_HOUR, _SIXTY, _FRACTION = r"(?:[01][0-9]|2[0-3])", "[0-5][0-9]", r"(?:[.,][0-9]{1,9})?"
_OFFSET = rf"(?:Z|[+-]{_HOUR}(?::?{_SIXTY})?)"
_EXTENDED = rf"[12][0-9]{{3}}-{_DAY.format('-')}T{_HOUR}(?::{_SIXTY}(?::{_SIXTY}{_FRACTION})?)?"
_BASIC = rf"[12][0-9]{{3}}{_DAY.format('')}T{_HOUR}(?:{_SIXTY}(?:{_SIXTY}{_FRACTION})?)?"

NonBlank = _shape("must not be blank", r"\S")
Phone = _shape(
    "must be a phone number with its country code: 7 to 15 digits, the first not 0, "
    "with or without a leading plus, and nothing else",
    r"^\+?[1-9][0-9]{6,14}$",
    r"[^+0-9]",
)
Url = _shape("must be an absolute http or https URL", r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#:@\\]", r"\s")
DateTime = _shape(
    "must be an ISO 8601 date and time, such as 2006-01-02T15:04:05-04:00",
    rf"^(?:{_EXTENDED}|{_BASIC}){_OFFSET}?$",
    r"\s",
    datetime.fromisoformat,
)
DateTimeWithOffset = _shape(
    "must be an ISO 8601 date and time with an offset, such as 2006-01-02T15:04:05Z",
    rf"^(?:{_EXTENDED}|{_BASIC}){_OFFSET}$",
    r"\s",
    datetime.fromisoformat,
)


def _flat(value: object) -> object:
    if not isinstance(value, str | bool | int | float):
        raise PydanticCustomError("flat", "must be a string, a number or a boolean")
    return value


Flat = Annotated[Any, AfterValidator(_flat), WithJsonSchema({"type": ["string", "number", "boolean"]})]
