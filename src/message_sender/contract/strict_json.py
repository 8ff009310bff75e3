"""JSON as strictly as a message needs it: nothing in it that two readers could understand differently."""

import json
import re
from collections import Counter
from typing import Any

from message_sender.contract.problems import dotted

MAXIMUM_DEPTH = 100
"""Levels of objects and arrays: far below what any reader or writer of JSON on the way gives up on."""
_WHITESPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def read_json(text: str) -> object:
    """Read JSON as strictly as a message needs.

    A name given twice is refused: two readers could disagree about whom the message is for. So is a number beyond the
    range of a double (RFC 8259, 6): most readers make infinity of it.

    Raises:
        ValueError: saying where it stops being JSON, holding nothing of the text.
    """
    try:
        value: object = json.loads(
            text, object_pairs_hook=_once_each, parse_int=_integer, parse_float=_finite, parse_constant=_finite
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deeply") from None
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: the signature of json's hook
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{dotted((twice,))}: given twice in one object")
    return found


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError:  # thousands of digits, which Python refuses to convert
        raise ValueError("not JSON that can be read: a number has too many digits") from None


def _finite(text: str) -> float:
    value = float(text)
    if value - value != 0:  # NaN and the infinities, which JSON does not have
        raise ValueError("not JSON: a number is out of range")
    return value


def member_texts(text: str) -> dict[str, str]:
    """Cut the text of a JSON object into its members: name -> the characters of the value, as they were written.

    Args:
        text: what `read_json` has read as an object.
    """
    members: dict[str, str] = {}
    position = _skip(text, _skip(text, 0) + 1)
    while text[position] != "}":
        name, end = _DECODER.raw_decode(text, position)
        start = _skip(text, _skip(text, end) + 1)
        _, end = _DECODER.raw_decode(text, start)
        members[name] = text[start:end]
        position = _skip(text, end)
        if text[position] == ",":
            position = _skip(text, position + 1)
    return members


def _skip(text: str, position: int) -> int:
    """Return the position after the white space."""
    found = _WHITESPACE.match(text, position)
    return found.end() if found else position


def canonical(text: str) -> str:
    """Write JSON in the one form that all spellings of the same value have: `10`, `10.0` and `1e1` are one number."""
    value = json.loads(text, parse_float=_number)
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def _number(text: str) -> float | int:
    value = float(text)
    return int(value) if value.is_integer() else value


def is_deeper(value: object, levels: int) -> bool:
    """Say whether a JSON value has more levels of objects and arrays than that."""
    layer = [value]
    while layer and levels >= 0:
        inner = (node.values() if isinstance(node, dict) else node for node in layer if isinstance(node, dict | list))
        layer = [child for children in inner for child in children]
        levels -= 1
    return bool(layer)
