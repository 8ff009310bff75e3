"""JSON as strictly as a message needs it: nothing in it that two readers could understand differently."""

import json
from collections import Counter
from decimal import Decimal, DecimalException
from typing import Any

from message_sender.contract.problems import dotted

MAXIMUM_DEPTH = 100
"""Levels of objects and arrays: far below what any reader or writer of JSON on the way gives up on."""


def read_json(text: str) -> Any:
    """Read JSON as strictly as a message needs.

    A name given twice is refused: two readers could disagree about whom the message is for. So is a decimal that a
    double cannot hold: what is forwarded would be another number.

    Raises:
        ValueError: saying where it stops being JSON, holding nothing of the text.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_once_each, parse_int=_integer, parse_float=_decimal, parse_constant=_finite
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise ValueError("not JSON that can be read: nested too deeply") from None


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
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


def _decimal(text: str) -> float:
    value = _finite(text)
    try:
        is_the_same = Decimal(text) == Decimal(repr(value))
    except DecimalException:  # an exponent of twenty digits
        is_the_same = False
    if not is_the_same:
        raise ValueError("not JSON that can be forwarded as it is: a decimal has more digits than a double holds")
    return value


def is_deeper(value: object, levels: int) -> bool:
    """Say whether a JSON value has more levels of objects and arrays than that."""
    layer = [value]
    while layer and levels >= 0:
        inner = (node.values() if isinstance(node, dict) else node for node in layer if isinstance(node, dict | list))
        layer = [child for children in inner for child in children]
        levels -= 1
    return bool(layer)
