"""Take what a message said out of a text that may repeat it."""

import json
import re
from collections.abc import Iterator
from typing import Any

MAXIMUM_CHARACTERS = 500
MAXIMUM_READ = 5000
"""What is longer is no message for people."""
_NOT_PERSONAL = {("provider",), ("channel_key",), ("schedule",), ("contact_saving", "list_id")}
_LOOKS_PERSONAL = re.compile(r"\S+@\S+|\S+://\S+|\+?[0-9][0-9 ().-]{3,}[0-9]")  # e-mail address, URL, long number


def redacted(text: str, body: bytes, *secrets: str) -> str:
    """Replace every value of the message (its JSON in `body`), every secret and whatever looks personal with `***`.

    An error of the API is worth reading, and may quote the phone number, the name or the text that it is about.
    """
    if len(text) > MAXIMUM_READ:
        return f"({len(text)} characters, not shown)"
    message = json.loads(body)
    if _quotes(text, str(message.get("text", ""))):
        return "(quotes the message's text, not shown)"
    folded = text.casefold()
    # Looked for before anything is replaced: a message of a megabyte has a hundred thousand values.
    quoted = {value for value in (*_private(message), *secrets) if value.casefold() in folded}
    for value in sorted(quoted, key=len, reverse=True):
        # Short values only as whole words: a name "Al" is not to blot out half of "Invalid".
        pattern = re.escape(value) if len(value) > 3 else rf"(?<!\w){re.escape(value)}(?!\w)"
        text = re.sub(pattern, "***", text, flags=re.IGNORECASE)
    text = _LOOKS_PERSONAL.sub("***", text)
    text = "".join(character if character.isprintable() else " " for character in text)
    return text if len(text) <= MAXIMUM_CHARACTERS else f"{text[: MAXIMUM_CHARACTERS - 1]}…"


def _quotes(said: str, text: str) -> bool:
    """Say whether three words in a row of the message's text, or all of a shorter one, are in what was said."""
    words, heard = (re.findall(r"\w+", part.casefold()) for part in (text, said))
    length = min(3, len(words))
    runs = {tuple(words[start : start + length]) for start in range(len(words) - length + 1)} if words else set()
    return any(tuple(heard[start : start + length]) in runs for start in range(len(heard) - length + 1))


def _private(node: Any, *path: str) -> Iterator[str]:
    """Take out all that a message says, but not the words of the contract itself."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _private(value, *path, key)
    elif isinstance(node, list):
        for value in node:
            yield from _private(value, *path)
    elif path not in _NOT_PERSONAL and not isinstance(node, bool) and str(node).strip():
        yield str(node).strip()
        if path != ("text",):  # a name may be quoted in part; the words of a text are words of the language
            yield from re.findall(r"[^\W_]{3,}", str(node))
