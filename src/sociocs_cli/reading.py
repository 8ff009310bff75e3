"""Look at every dead letter of a queue and leave it there: receive it, hold it while the look lasts, give it back."""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

from message_sender.sqs_limits import BATCH_ENTRIES
from sociocs_cli.holding import HIDDEN_SECONDS, Holding
from sociocs_cli.letters import Letter
from sociocs_cli.queue import depth
from sociocs_cli.signals import undisturbed

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

UNSEEN = "with another reader, behind others of their group, or counted by SQS and not there; run it again"
"""Why letters cannot be read, and what to do."""
_MARGIN_SECONDS = 2
"""Beyond the visibility timeout of the other reader, whose letters are certainly visible by then."""
_FRUITLESS = 10
"""Receives that bring nothing new, while SQS says that there is more. After so many the look is over."""
_FRUITLESS_EMPTY = 3


class Reader:
    """Receives every letter of one queue once. Leaving its block gives back all that was not removed.

    SQS has no way to look without receiving: while the block lasts, the letters are hidden from other readers. SQS lets
    up to 120,000 letters be in flight; the others are counted as unseen.
    """

    def __init__(
        self,
        sqs: "SQSClient",
        url: str,
        *,
        hidden_seconds: int = HIDDEN_SECONDS,
        long_poll_seconds: int = 1,
        wait_for_others: bool = False,
        on_wait: Callable[[int, float], object] = lambda *_: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to read.

        Args:
            sqs: the client.
            url: of the queue.
            hidden_seconds: the visibility timeout; longer when there are very many letters.
            long_poll_seconds: for how long a receive waits for letters.
            wait_for_others: wait for the letters that another reader holds, or held when it was killed.
            on_wait: called once, when there is something to wait for: how many letters, and how many seconds at most.
            monotonic: the clock.
        """
        self._sqs, self._url, self._long_poll_seconds = sqs, url, long_poll_seconds
        self._wait_for_others, self._on_wait, self._monotonic = wait_for_others, on_wait, monotonic
        self._holding = Holding(sqs, url, hidden_seconds, monotonic)
        self._seen: set[str] = set()
        self.unseen = 0
        """Letters that could not be read: another reader's, behind others of their group, or counted wrongly.

        SQS's count is approximate. Where it says more than was read, nobody can say that everything was read.
        """
        self.total = 0
        """How many letters there were at the start, by SQS's count."""
        self.started = datetime.now(UTC)
        """By SQS's clock, in whole seconds."""

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holding.give_back()

    @property
    def seen(self) -> int:
        """How many letters it has received."""
        return len(self._seen)

    def remove(self, letter: Letter) -> None:
        """Note that a letter was deleted."""
        self._holding.drop(letter.id)

    def letters(self) -> Iterator[list[Letter]]:
        """Receive until nothing new comes; a few letters at a time."""
        counted = depth(self._sqs, self._url)
        self.total, self.started = counted.total, counted.at
        others = counted.in_flight
        patience_ends = self._monotonic() + self._holding.seconds_for(others) + _MARGIN_SECONDS
        known = empty = 0
        """Receives in a row that brought only letters that were seen before, and receives that brought none."""
        while True:
            self._holding.keep_hidden()
            with undisturbed():  # letters of a receive that is interrupted would stay hidden
                received, new = self._receive()
            if new:
                known = empty = 0
                yield new
                continue
            known, empty = (known + 1, empty) if received else (known, empty + 1)
            found = depth(self._sqs, self._url)
            # What was in flight at the start is another's. The count lags behind our own receives and deletes.
            waiting = max(0, found.in_flight - len(self._holding)) if others else 0
            if waiting and self._wait_for_others and self._monotonic() < patience_ends:
                self._tell_once(waiting, patience_ends - self._monotonic())
                known = empty = 0
                continue
            # SQS counts visible and hidden letters at different moments: one that just came back may be in neither.
            # Letters that came back before they could be hidden anew may come again, each of them, before the rest.
            is_over = empty >= _FRUITLESS_EMPTY or known >= max(_FRUITLESS, self.seen)
            if is_over or not (found.visible or self.seen < self.total):
                self.unseen = max(waiting + (0 if received else found.visible), self.total - self.seen)
                return

    def _tell_once(self, waiting: int, seconds: float) -> None:
        self._on_wait(waiting, seconds)
        self._on_wait = lambda *_: None

    def _receive(self) -> tuple[int, list[Letter]]:
        """Receive some letters; return how many, and those that were not seen before."""
        hidden_at = self._monotonic()  # before the call: SQS counts the timeout from a moment within the call
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH_ENTRIES,
            VisibilityTimeout=self._holding.seconds,
            WaitTimeSeconds=self._long_poll_seconds,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        received = [Letter(self._url, message) for message in answer.get("Messages", [])]
        new = [letter for letter in received if letter.id not in self._seen]
        for letter in received:
            self._holding.hold(letter.id, letter.receipt, hidden_at)
        self._seen.update(letter.id for letter in new)
        return len(received), new
