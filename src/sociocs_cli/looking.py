"""Look at the dead letters of a stack: those of all its dead-letter queues, one queue after the other."""

from collections.abc import Callable, Sequence

from sociocs_cli.letters import Letter
from sociocs_cli.output import progress
from sociocs_cli.reading import Reader
from sociocs_cli.stack import Stack

OnLetters = Callable[[Reader, Sequence[Letter]], bool]
"""Gets a few letters and the reader that holds them; says whether the look may end here."""


def look(stack: Stack, words: str, on_letters: OnLetters) -> int:
    """Go through every dead letter, until `on_letters` ends it.

    Args:
        stack: whose dead letters.
        words: what the progress bar says.
        on_letters: called with a few letters at a time.

    Returns:
        How many letters could not be read before the end.
    """
    unseen = seen = 0
    bar, task = progress(words)
    with bar:
        for url in stack.dead_letter_queue_urls:
            with Reader(stack.sqs, url, long_poll_seconds=stack.waits.long_poll, monotonic=stack.monotonic) as reader:
                for letters in reader.letters():
                    if on_letters(reader, letters):
                        return unseen
                    bar.update(task, completed=seen + reader.seen, total=seen + max(reader.total, reader.seen))
                seen += reader.seen
                unseen += reader.unseen
    return unseen
