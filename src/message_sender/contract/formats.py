"""The shapes that strings of a message may have: validator and JSON Schema of each from the same expressions."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from types import NoneType
from typing import Annotated, TypeVar, get_args

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

T = TypeVar("T")


class _NotNull:
    """Makes pydantic judge `T | None` as `T`: the field may be absent, and then it is None; null is refused."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        [present] = [kind for kind in get_args(source) if kind is not NoneType]
        return handler.generate_schema(present)


MayBeAbsent = Annotated[T | None, _NotNull()]
"""A field that may be absent and may not be null. Its default is None, which no validator and no schema sees."""


@dataclass(frozen=True)
class _Shape:
    """A string of one shape."""

    words: str
    """What it must be, for people."""
    pattern: str
    never: str | None = None
    """What may not occur anywhere. It closes what `$` leaves open: in Python it also matches before a last newline."""
    check: Callable[[str], object] | None = None
    """Raises ValueError for a string that fits the pattern and is wrong all the same."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_after_validator_function(self._validate, handler(source))

    def __get_pydantic_json_schema__(self, _: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema: JsonSchemaValue = {"type": "string", "pattern": self.pattern}
        return {**schema, "not": {"pattern": self.never}} if self.never else schema

    def _validate(self, value: str) -> str:
        # `re` keeps the compiled expressions.
        fits = re.search(self.pattern, value) and not (self.never and re.search(self.never, value))
        try:
            if fits and self.check:
                self.check(value)
        except ValueError:
            fits = None
        if not fits:
            raise PydanticCustomError("shape", "{words}", {"words": self.words})
        return value


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

NonBlank = Annotated[str, _Shape("must not be blank", r"\S")]
Phone = Annotated[
    str,
    _Shape(
        "must be a phone number with its country code: 7 to 15 digits, the first not 0, "
        "with or without a leading plus, and nothing else",
        r"^\+?[1-9][0-9]{6,14}$",
        r"[^+0-9]",
    ),
]
Url = Annotated[str, _Shape("must be an absolute http or https URL", r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/?#:@\\]", r"\s")]
DateTime = Annotated[
    str,
    _Shape(
        "must be an ISO 8601 date and time, such as 2006-01-02T15:04:05-04:00",
        rf"^(?:{_EXTENDED}|{_BASIC}){_OFFSET}?$",
        r"\s",
        datetime.fromisoformat,
    ),
]
DateTimeWithOffset = Annotated[
    str,
    _Shape(
        "must be an ISO 8601 date and time with an offset, such as 2006-01-02T15:04:05Z",
        rf"^(?:{_EXTENDED}|{_BASIC}){_OFFSET}$",
        r"\s",
        datetime.fromisoformat,
    ),
]
