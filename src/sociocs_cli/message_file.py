"""A file of messages -> the texts that should be messages, each with the line on which it begins.

One JSON object, a JSON array of objects, or JSON Lines. Each text is the very text of the file: nothing is read and
written anew, so that nothing of it can change.
"""

import json
import re
from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")
_IS_ONE_LINE = re.compile(r"\{.*\}")


def texts_in(text: str) -> Iterator[tuple[int, str]]:
    """Cut a file into the texts that should be messages: line and text."""
    text = text.removeprefix("\ufeff")
    start = _after_space(text, 0)
    if text.startswith("[", start):
        return _elements(_Lines(text), start)
    lines = [(number, line.strip(" \t\r")) for number, line in enumerate(text.split("\n"), 1)]
    lines = [(number, line) for number, line in lines if line]
    if lines and not _IS_ONE_LINE.fullmatch(lines[0][1]):
        # One object over several lines, or several of them; or JSON Lines with a mistake in the first.
        objects = list(_objects(_Lines(text), start))
        is_whole = _end_of_value(objects[-1][1], 0) is not None
        if is_whole or not any(_IS_ONE_LINE.fullmatch(line) for _, line in lines):
            return iter(objects)
    return iter(lines)


class _Lines:
    """A text that knows the line of a position; positions are asked for in their order."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._line, self._position = 1, 0

    def at(self, position: int) -> int:
        self._line += self.text.count("\n", self._position, position)
        self._position = position
        return self._line


def _elements(lines: _Lines, start: int) -> Iterator[tuple[int, str]]:
    """Take the elements of a JSON array. Where it stops being an array, the rest is one text, which will be refused."""
    text, position = lines.text, _after_space(lines.text, start + 1)
    while not text.startswith("]", position):
        end = _end_of_value(text, position)
        yield lines.at(position), text[position:end]
        if end is None:
            return
        comma = _after_space(text, end)
        position = _after_space(text, comma + 1) if text.startswith(",", comma) else comma
        if text.startswith(",", comma) == text.startswith("]", position):
            yield lines.at(comma), text[comma:] or "]"
            return
    rest = _after_space(text, position + 1)
    if rest < len(text):
        yield lines.at(rest), text[rest:]


def _objects(lines: _Lines, position: int) -> Iterator[tuple[int, str]]:
    while position < len(lines.text):
        end = _end_of_value(lines.text, position)
        yield lines.at(position), lines.text[position:end]
        if end is None:
            return
        position = _after_space(lines.text, end)


def _end_of_value(text: str, position: int) -> int | None:
    """Return where the JSON value ends that begins here; None when it is none."""
    try:
        return json.JSONDecoder().raw_decode(text, position)[1]
    except (ValueError, RecursionError):
        return None


def _after_space(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position
