"""Look at the dead letters of a stack: those of all its dead-letter queues, one queue after the other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sociocs_cli.letters import Letter
from sociocs_cli.output import progress
from sociocs_cli.reading import Reader
from sociocs_cli.stack import Stack

OnLetters = Callable[[Reader, Sequence[Letter]], bool]
"""Gets a few letters and the reader that holds them; says whether the look may end here."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of a look."""

    began: datetime
    """By SQS's clock, in whole seconds."""
    unseen: int
    """How many letters could not be read before its end."""


def look(stack: Stack, words: str, on_letters: OnLetters) -> Looked:
    """Go through every dead letter, until `on_letters` ends it.

    Args:
        stack: whose dead letters.
        words: what the progress bar says.
        on_letters: called with a few letters at a time.
    """
    began: datetime | None = None
    unseen = seen = 0
    bar, task = progress(words)
    with bar:
        for url in stack.dead_letter_queue_urls:
            with Reader(stack.sqs, url, long_poll_seconds=stack.waits.long_poll, monotonic=stack.monotonic) as reader:
                for letters in reader.letters():
                    if on_letters(reader, letters):
                        return Looked(began or reader.started, unseen)
                    bar.update(task, completed=seen + reader.seen, total=seen + max(reader.total, reader.seen))
                began = began or reader.started
                seen += reader.seen
                unseen += reader.unseen
    return Looked(began or datetime.now(UTC), unseen)
