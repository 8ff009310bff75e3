"""Look at every dead letter and leave it where it is: receive, hold for as long as it takes, give back."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

from message_sender.sqs_limits import BATCH_ENTRIES, LONGEST_VISIBILITY_SECONDS
from sociocs_cli.letters import Letter
from sociocs_cli.queue import Depth, depth, give_back, set_visibility

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

HIDDEN_SECONDS = 60
"""For so long a letter stays hidden when nobody gives it back, which only a killed command fails to do."""
_HELD_A_SECOND = 25
"""With more letters than 25 x 60 they are hidden for longer. To hide ten anew takes up to 0.1 s across an ocean, and is
due when half of their time is over: at 25 a second half of the time is left for reading, however many are held."""
_POLL_SECONDS = 1
"""A long poll asks all of SQS's servers, so that an empty answer means something."""
_MARGIN_SECONDS = 2
"""Beyond the visibility timeout of the other reader, whose letters are back by then for certain."""
_FRUITLESS = 10
"""Receives that bring nothing new, while SQS says that there is more: then it is over."""
_FRUITLESS_EMPTY = 3


@dataclass(frozen=True, slots=True)
class _Held:
    receipt: str
    due: float
    """When it is to be hidden anew, by `time.monotonic`."""


class Reader:
    """Receives every letter of one queue once. Leaving its block gives back all that was not taken out.

    SQS has no way to look without receiving: while the block lasts, the letters are hidden from other readers. Up to
    120,000 of them, which is as many as SQS lets be in flight; the others are counted as unseen.
    """

    def __init__(
        self,
        sqs: "SQSClient",
        url: str,
        *,
        hidden_seconds: int = HIDDEN_SECONDS,
        wait_for_others: bool = False,
        on_wait: Callable[[int, float], object] = lambda *_: None,
    ) -> None:
        """Prepare to read.

        Args:
            sqs: the client.
            url: of the queue.
            hidden_seconds: the visibility timeout; longer when there are very many letters.
            wait_for_others: wait for what another reader holds, or held when it was killed.
            on_wait: told once, when there is something to wait for: how many letters, and for how many seconds at most.
        """
        self._sqs, self._url, self._hidden_seconds = sqs, url, hidden_seconds
        self._wait_for_others, self._on_wait = wait_for_others, on_wait
        self._held: dict[str, _Held] = {}
        """By id, in the order in which they are due."""
        self._seen: set[str] = set()
        self.unseen = 0
        """Letters that were not to be had: another reader's, behind others of their message group, or counted wrongly.

        SQS's count is approximate. Where it says more than was read, nobody can say that everything was.
        """
        self.total = 0
        """How many letters there were at the start, by SQS's count."""
        self.started = datetime.now(UTC)
        """By SQS's clock."""

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        held, self._held = self._held, {}
        give_back(self._sqs, self._url, [one.receipt for one in held.values()], self._hidden_for(len(held)))

    @property
    def seen(self) -> int:
        """How many letters it has received."""
        return len(self._seen)

    def remove(self, letter: Letter) -> None:
        """Note that a letter was deleted: there is nothing to give back."""
        self._held.pop(letter.id, None)

    def letters(self) -> Iterator[list[Letter]]:
        """Receive until there is nothing that was not seen; a few letters at a time."""
        others = self._start().in_flight
        patience_ends = time.monotonic() + self._hidden_for(others) + _MARGIN_SECONDS
        known = empty = 0
        while True:
            self._keep_hidden()
            received, new = self._receive()
            if new:
                known = empty = 0
                yield new
                continue
            known, empty = (known + 1, empty) if received else (known, empty + 1)
            found = depth(self._sqs, self._url)
            # What was in flight at the start is another's. The count lags behind our own receives and deletes.
            waiting = max(0, found.in_flight - len(self._held)) if others else 0
            if waiting and self._wait_for_others and time.monotonic() < patience_ends:
                self._tell(waiting, patience_ends - time.monotonic())
                known = empty = 0
                continue
            # SQS counts visible and hidden letters at different moments: one that just came back may be in neither.
            # Letters that came back before they could be hidden anew may come again, each of them, before the rest.
            is_over = empty >= _FRUITLESS_EMPTY or known >= max(_FRUITLESS, self.seen)
            if not is_over and (found.visible or self.seen < self.total):
                continue
            self.unseen = max(waiting + (0 if received else found.visible), self.total - self.seen)
            return

    def _start(self) -> Depth:
        counted = depth(self._sqs, self._url)
        self.total = counted.total
        self.started = counted.at
        return counted

    def _tell(self, waiting: int, seconds: float) -> None:
        self._on_wait(waiting, seconds)
        self._on_wait = lambda *_: None

    def _hidden_for(self, letters: int) -> int:
        """Say for how many seconds letters are hidden when a reader holds so many."""
        return min(LONGEST_VISIBILITY_SECONDS, max(self._hidden_seconds, letters // _HELD_A_SECOND))

    def _receive(self) -> tuple[int, list[Letter]]:
        seconds = self._hidden_for(len(self._held))
        due = time.monotonic() + seconds / 2  # from before the call: SQS counts from somewhere within it
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH_ENTRIES,
            VisibilityTimeout=seconds,
            WaitTimeSeconds=_POLL_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        received = [Letter(self._url, message) for message in answer.get("Messages", [])]
        new = [letter for letter in received if letter.id not in self._seen]
        for letter in received:
            self._hold(letter.id, _Held(letter.receipt, due))
        self._seen.update(letter.id for letter in new)
        return len(received), new

    def _keep_hidden(self) -> None:
        """Hide anew what would be visible again before long: it would be received again, and by others."""
        now = time.monotonic()
        while due := [
            (id_, held) for id_, held in itertools.islice(self._held.items(), BATCH_ENTRIES) if held.due <= now
        ]:
            seconds = self._hidden_for(len(self._held))
            again = time.monotonic() + seconds / 2
            set_visibility(self._sqs, self._url, [held.receipt for _, held in due], seconds)
            for id_, held in due:
                self._hold(id_, _Held(held.receipt, again))

    def _hold(self, id_: str, held: _Held) -> None:
        self._held.pop(id_, None)  # to the end of the order
        self._held[id_] = held
