"""Inputs that cost the most: error texts of the API, and bodies with very many problems."""

import json
import time
from collections.abc import Callable

from message_sender.contract.message import check
from message_sender.sociocs.redaction import MAXIMUM_READ, redacted

_REPEATS = 5


def _body(**fields: object) -> dict[str, object]:
    return {"provider": "twlo", "channel_key": "ck", "to": "+16175550123", **fields}


def _redact(text: str, message: str = "Hello") -> Callable[[], object]:
    body = json.dumps(_body(text=message)).encode()
    return lambda: redacted(text, body, "id:secret")


def _refuse(**fields: object) -> Callable[[], object]:
    content = _body(**fields)
    return lambda: check(content)


WORST_CASES: dict[str, Callable[[int], Callable[[], object]]] = {
    "an error of plain letters": lambda part: _redact("a" * (MAXIMUM_READ // part)),
    "an error that normalisation makes longer": lambda part: _redact("\u33c2" * (MAXIMUM_READ // part)),
    "an error about a text of 1 MB": lambda part: _redact("Invalid number", "word " * (200_000 // part)),
    "200,000 bad URLs": lambda part: _refuse(image_urls=["x"] * (200_000 // part)),
    "150,000 unknown fields": lambda part: _refuse(text="x", **{f"field_{n}": 1 for n in range(150_000 // part)}),
}
"""Name -> what makes the work for the whole input, or for a part of it: 2 is a half."""


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of one run."""
    started = time.process_time()
    for _ in range(_REPEATS):
        work()
    return (time.process_time() - started) / _REPEATS
