"""What is wrong with a message, in words a producer understands and that hold none of its values."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_Path = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a message."""

    field: str
    """Dotted path, `contact_saving.list_id`; empty for the message as a whole."""
    words: str

    def __str__(self) -> str:
        return f"{self.field}: {self.words}" if self.field else self.words


@dataclass(frozen=True, slots=True)
class Invalid:
    """Something that is not a message: every problem with it at once."""

    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "; ".join(map(str, self.problems))


_WORDS = {
    "missing": "required",
    "string_type": "must be a string",
    "string_unicode": "must be valid Unicode text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be an array",
    "literal_error": "must be one of {expected}",
    "greater_than_equal": "must be {ge} or more",
    "string_too_short": "must have at least {min_length} character",
    "string_too_long": "must have at most {max_length} characters",
}


def words(
    error: Mapping[str, Any],  # Any: the items of pydantic's errors
    names: Mapping[_Path, Sequence[str]],
) -> str:
    """Say what one of pydantic's errors means.

    Args:
        error: an item of `ValidationError.errors()`.
        names: the known field names below each path, for suggestions.
    """
    if error["type"] == "extra_forbidden":
        return _unknown_field(error["loc"], names)
    if error["type"] in _WORDS:
        return _WORDS[error["type"]].format_map(error.get("ctx", {}))
    return str(error["msg"])


def _unknown_field(loc: _Path, names: Mapping[_Path, Sequence[str]]) -> str:
    *parent, name = loc
    near = get_close_matches(str(name).lower(), names.get(tuple(parent), ()), n=1, cutoff=0.6)
    # A known name in the wrong place, `reference` beside `metadata` instead of inside it.
    moved = [(*path, name) for path, known in names.items() if name in known]
    if moved or near:
        return f"unknown field, did you mean {dotted(moved[0]) if moved else dotted((*parent, near[0]))}?"
    return "unknown field"


# A name that a person would give a field. Anything else could be a phone number or a text in the wrong place.
_SHOWABLE = re.compile(r"(?!(?:.*[0-9]){5})[A-Za-z_][A-Za-z0-9_-]{0,39}|[0-9]{1,3}")


def dotted(loc: _Path) -> str:
    """Write a path as `template.variables.Body`, leaving out names that may be personal data."""
    return ".".join(str(part) if _SHOWABLE.fullmatch(str(part)) else "<name not shown>" for part in loc)
