"""Received letters: keep them hidden from other readers for as long as this one works, then give them back."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from message_sender.sqs_limits import BATCH_ENTRIES, LONGEST_VISIBILITY_SECONDS
from sociocs_cli.queue import give_back, set_visibility

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

HIDDEN_SECONDS = 60
"""A letter stays hidden for so long when nobody gives it back. Only a killed command does not give its letters back."""
_HELD_A_SECOND = 25
"""With more letters than 25 x 60 they are hidden for longer. To hide ten anew takes up to 0.1 s across an ocean, and is
due when half of their time is over: at 25 a second half of the time is left for reading, however many are held."""


@dataclass(frozen=True, slots=True)
class _Held:
    receipt: str
    due: float
    """When it is to be hidden anew, by the monotonic clock."""


class Holding:
    """The letters of one queue that one reader has received and not yet given back."""

    def __init__(self, sqs: "SQSClient", url: str, hidden_seconds: int, monotonic: Callable[[], float]) -> None:
        """Hold nothing yet. `hidden_seconds` is the visibility timeout, as long as few letters are held."""
        self._sqs, self._url, self._hidden_seconds, self._monotonic = sqs, url, hidden_seconds, monotonic
        self._held: dict[str, _Held] = {}
        """By letter id, in the order in which they are due."""

    def __len__(self) -> int:
        return len(self._held)

    def seconds_for(self, letters: int) -> int:
        """Return the visibility timeout that a reader of so many letters uses."""
        return min(LONGEST_VISIBILITY_SECONDS, max(self._hidden_seconds, letters // _HELD_A_SECOND))

    @property
    def seconds(self) -> int:
        """The visibility timeout for the next receive."""
        return self.seconds_for(len(self._held))

    def hold(self, letter_id: str, receipt: str, hidden_at: float) -> None:
        """Note a letter that was hidden at a moment or a little later. When half of its time is over, it is due."""
        self._held.pop(letter_id, None)  # it goes to the end of the order
        self._held[letter_id] = _Held(receipt, hidden_at + self.seconds / 2)

    def drop(self, letter_id: str) -> None:
        """Note that a letter was deleted: there is nothing to give back."""
        self._held.pop(letter_id, None)

    def keep_hidden(self) -> None:
        """Hide anew the letters that would soon be visible: this reader and others would receive them again."""
        now = self._monotonic()
        while due := [
            (id_, held) for id_, held in itertools.islice(self._held.items(), BATCH_ENTRIES) if held.due <= now
        ]:
            hidden_at = self._monotonic()
            set_visibility(self._sqs, self._url, [held.receipt for _, held in due], self.seconds)
            for id_, held in due:
                self.hold(id_, held.receipt, hidden_at)

    def give_back(self) -> None:
        """Make all of them visible."""
        held, self._held = self._held, {}
        give_back(self._sqs, self._url, [one.receipt for one in held.values()], self.seconds_for(len(held)))
