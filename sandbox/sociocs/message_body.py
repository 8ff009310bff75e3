"""The body of a request, read as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import NoReturn

# A message has 4 levels at most. Python can read a body of a thousand levels, but cannot write it as JSON again.
MOST_LEVELS = 100


@dataclass(frozen=True, slots=True)
class NotJson:
    """A body that is not JSON: the text, as far as it can be read."""

    text: str


def parsed(body: bytes) -> object:
    """Return the JSON value, or NotJson."""
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return NotJson(body.decode(errors="replace"))
    return NotJson(body.decode()) if _is_deeper_than(MOST_LEVELS, value) else value


def _is_deeper_than(levels: int, value: object) -> bool:
    layer = [value]
    for _ in range(levels):
        children = [
            node.values() if isinstance(node, dict) else node for node in layer if isinstance(node, dict | list)
        ]
        layer = [child for some in children for child in some]
        if not layer:
            return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python reads and JSON does not have."""
    raise ValueError(name)
