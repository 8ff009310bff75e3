"""Error texts of the API, less what they repeat of a message.

An error is worth reading, and may quote the phone number, the name or the text that it is about. The work is linear in
the size of the message and of the text, whatever characters they are made of.
"""

import html
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import groupby

MAXIMUM_CHARACTERS = 500
"""Of what is shown."""
MAXIMUM_READ = 5000
"""A longer text is not for people: it is not read, and not shown."""
_WINDOW = 2 * MAXIMUM_CHARACTERS
"""Characters that are looked at after normalisation, which may make 18 characters of one. Twice what is shown, so that
a value at the end of what is shown is found."""
_NOT_PERSONAL = {("provider",), ("channel_key",), ("schedule",), ("contact_saving", "list_id")}
_NUMBER = re.compile(r"\+?[0-9](?:[^\w]{0,2}[0-9]){6,}")
"""What may be a phone number: 7 digits or more, as in the contract, however they are divided. A provider's error code
has at most 6: 63016, 131047."""
_OF_THE_API = frozenset(
    """
    account allowed and are array available be been body boolean can cannot channel character characters contact country
    code content could date does empty enabled error exceeded exist expired failed field file for format found from has
    have image integer internal invalid into its json key length limit list long longest maximum may media message
    minimum missing must name not null number object one only parameter phone please provided provider reached recipient
    request required schedule send sender sent server should string template text than that the this time too try type
    unknown unsupported url user valid value values variable variables video was were will with you your
    """.split()  # noqa: SIM905 - a column of a hundred literals is no better to read
)
"""Words that an error of the API is made of. They are shown, also when the message holds them too."""


def redacted(text: str, body: bytes, *secrets: str) -> str:
    """Replace every value of the message, every secret and whatever looks personal with `***`.

    Args:
        text: what the API said.
        body: the JSON that was sent.
        secrets: what else must not be shown, such as the apikey.
    """
    if len(text) > MAXIMUM_READ:
        return f"({len(text)} characters, not shown)"
    message = json.loads(body)
    text = _plain(text)[:_WINDOW]
    if _quotes(text, str(message.get("text", ""))):
        return "(quotes the message's text, not shown)"
    hidden = _personal(text) | _repeated(text, (*_values(message), *secrets))
    shown = "".join(
        "***" if is_hidden else "".join(character for _, character in run)
        for is_hidden, run in groupby(enumerate(text), key=lambda item: item[0] in hidden)
    )
    shown = "".join(character if character.isprintable() else " " for character in shown)
    return shown if len(shown) <= MAXIMUM_CHARACTERS else f"{shown[: MAXIMUM_CHARACTERS - 1]}…"


def _plain(text: str) -> str:
    """Write a text in the one way that a value is looked for: no entities, no escapes, no compatibility characters."""
    text = html.unescape(text)
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return unicodedata.normalize("NFKC", text)


def _fold(text: str) -> str:
    return text.lower() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


# --- what looks personal by itself ----------------------------------------------------------------------------------


def _personal(text: str) -> set[int]:
    """Return the positions of numbers, e-mail addresses, URLs, and words of another script than the API's own words."""
    found = {position for number in _NUMBER.finditer(text) for position in range(*number.span())}
    for token in re.finditer(r"\S+", text):
        word = token[0]
        if not word.isascii() or "@" in word[1:-1] or "://" in word[1:]:
            found.update(range(*token.span()))
    return found


# --- what the message says ------------------------------------------------------------------------------------------


def _quotes(said: str, text: str) -> bool:
    """Say whether three words in a row of the message's text, or all of a shorter one, are in what was said."""
    words, heard = (re.findall(r"\w+", part) for part in (_fold(text), said.casefold()))
    length = min(3, len(words))
    if not length:
        return False
    runs = {tuple(heard[start : start + length]) for start in range(len(heard) - length + 1)}
    first = {run[0] for run in runs}
    return any(word in first and tuple(words[start : start + length]) in runs for start, word in enumerate(words))


def _repeated(text: str, values: Iterable[str]) -> set[int]:
    """Return the positions at which the text repeats a value, or a word of one that the API would not use by itself."""
    folded, origin = _folded(text)
    said = {word[0] for word in re.finditer(r"[^\W_]+", folded)}
    wanted: set[str] = set()
    for value in values:
        plain = _fold(value).strip()
        if plain and plain in folded:
            wanted.add(plain)
        wanted.update(word for word in said.intersection(re.findall(r"[^\W_]+", plain)) if _tells(word))
    return {origin[at] for value in wanted for at in _occurrences(folded, value)}


def _folded(text: str) -> tuple[str, list[int]]:
    """Fold case, and note the position that each character of the result comes from: `ß` becomes two."""
    parts = [character.casefold() for character in text]
    return "".join(parts), [position for position, part in enumerate(parts) for _ in part]


def _tells(word: str) -> bool:
    return (len(word) >= 3 or any(map(str.isdigit, word))) and word not in _OF_THE_API


def _occurrences(text: str, value: str) -> Iterator[int]:
    """Yield every position of a value. A short one counts as a whole word: "Al" must not hide half of "Invalid"."""
    start = text.find(value)
    while start >= 0:
        end = start + len(value)
        is_word = not (text[start - 1 : start].isalnum() or text[end : end + 1].isalnum())
        if len(value) > 3 or is_word:
            yield from range(start, end)
        start = text.find(value, start + 1)


def _values(node: object, *path: str) -> Iterator[str]:
    """Yield everything that a message says."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _values(value, *path, key)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value, *path)
    elif path not in _NOT_PERSONAL and not isinstance(node, bool):
        yield str(node)
