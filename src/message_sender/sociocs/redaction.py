"""Take what a message said out of a text that may repeat it."""

import html
import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

MAXIMUM_CHARACTERS = 500
MAXIMUM_READ = 5000
"""What is longer is no message for people."""
_NOT_PERSONAL = {("provider",), ("channel_key",), ("schedule",), ("contact_saving", "list_id")}
_LOOKS_PERSONAL = re.compile(
    r"""
    \S*[^\x00-\x7f]\S*            # another script, which Sociocs's own words are not in
    | \S+@\S+                      # e-mail address
    | \S+://\S+                    # URL
    | \+?[0-9](?:[^\w]{0,2}[0-9]){4,}  # long number, however it is divided
    """,
    re.VERBOSE,
)
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
"""Words that an error of the API is made of: worth reading, also when a message holds them too."""


def redacted(text: str, body: bytes, *secrets: str) -> str:
    """Replace every value of the message (its JSON in `body`), every secret and whatever looks personal with `***`.

    An error of the API is worth reading, and may quote the phone number, the name or the text that it is about.
    """
    if len(text) > MAXIMUM_READ:
        return f"({len(text)} characters, not shown)"
    message = json.loads(body)
    text = _plain(text)
    if _quotes(text, str(message.get("text", ""))):
        return "(quotes the message's text, not shown)"
    folded = text.casefold()
    # Looked for before anything is replaced: a message of a megabyte has a hundred thousand values.
    values = set(map(_fold, (*_private(message), *secrets))) - {""}
    quoted = [value for value in values if value in folded]
    text = _LOOKS_PERSONAL.sub("***", text)
    for value in sorted(quoted, key=len, reverse=True):
        # Short values only as whole words: a name "Al" is not to blot out half of "Invalid".
        pattern = re.escape(value) if len(value) > 3 else rf"(?<!\w){re.escape(value)}(?!\w)"
        text = re.sub(pattern, "***", text, flags=re.IGNORECASE)
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= MAXIMUM_CHARACTERS else f"{text[: MAXIMUM_CHARACTERS - 1]}…"


def _plain(text: str) -> str:
    """Write a text in the one way that a value is looked for: no entities, no escapes, no compatibility characters."""
    text = html.unescape(text)
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    return unicodedata.normalize("NFKC", text)


def _fold(value: str) -> str:
    return unicodedata.normalize("NFKC", value).casefold().strip()


def _quotes(said: str, text: str) -> bool:
    """Say whether three words in a row of the message's text, or all of a shorter one, are in what was said."""
    words, heard = (re.findall(r"\w+", part) for part in (_fold(text), said.casefold()))
    length = min(3, len(words))
    runs = {tuple(words[start : start + length]) for start in range(len(words) - length + 1)} if words else set()
    return any(tuple(heard[start : start + length]) in runs for start in range(len(heard) - length + 1))


def _private(node: Any, *path: str) -> Iterator[str]:
    """Take out all that a message says: each value, and the words of each that the API would not use by itself."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _private(value, *path, key)
    elif isinstance(node, list):
        for value in node:
            yield from _private(value, *path)
    elif path not in _NOT_PERSONAL and not isinstance(node, bool) and str(node).strip():
        yield str(node).strip()
        for word in re.findall(r"[^\W_]+", str(node)):
            if (len(word) >= 3 or any(map(str.isdigit, word))) and word.casefold() not in _OF_THE_API:
                yield word
