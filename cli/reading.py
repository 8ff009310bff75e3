"""Look at every dead letter and leave it where it is: receive, hold for as long as it takes, give back."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING

from cli.letters import Letter
from cli.queue import BATCH, Depth, depth, give_back, undisturbed

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

HIDDEN_SECONDS = 60
"""For so long a letter stays hidden when nobody gives it back, which only a killed command fails to do."""
_POLL_SECONDS = 1
"""A long poll asks all of SQS's servers, so that an empty answer means something."""
_MARGIN_SECONDS = 2
"""Beyond the visibility timeout of the other reader, whose letters are back by then for certain."""
_FRUITLESS = 10
"""Receives in a row that bring nothing new, while SQS says that there is more: then it is over."""
_FRUITLESS_EMPTY = 3


class Reader:
    """Receives every letter of one queue once. Leaving its block gives back all that was not taken out.

    SQS has no way to look without receiving: while the block lasts, the letters are hidden from other readers.
    """

    def __init__(
        self, sqs: "SQSClient", url: str, *, hidden_seconds: int = HIDDEN_SECONDS, wait_for_others: bool = False
    ) -> None:
        """Prepare to read.

        Args:
            sqs: the client.
            url: of the queue.
            hidden_seconds: the visibility timeout.
            wait_for_others: wait, for as long as `hidden_seconds`, for what another reader holds, or held when killed.
        """
        self._sqs, self._url, self._hidden_seconds = sqs, url, hidden_seconds
        self._wait_for_others = wait_for_others
        self._held: dict[str, str] = {}
        self._seen: set[str] = set()
        self.unseen = 0
        """Letters that were not to be had: another reader's, or behind others of their message group."""
        self.total = 0
        """How many letters there were at the start, by SQS's count."""
        self.started = datetime.now(UTC)
        """By SQS's clock."""

    def __enter__(self) -> "Reader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._held:
            with undisturbed():
                give_back(self._sqs, self._url, list(self._held.values()))
        self._held.clear()

    @property
    def seen(self) -> int:
        """How many letters it has received."""
        return len(self._seen)

    def remove(self, letter: Letter) -> None:
        """Note that a letter was deleted: there is nothing to give back."""
        self._held.pop(letter.id, None)

    def start(self) -> Depth:
        """Count the letters."""
        counted = depth(self._sqs, self._url)
        self.total = counted.total
        self.started = counted.at
        return counted

    def letters(self) -> Iterator[list[Letter]]:
        """Receive until there is nothing that was not seen; a few letters at a time."""
        others = self.start().in_flight
        patience_ends = time.monotonic() + self._hidden_seconds + _MARGIN_SECONDS
        fruitless = 0
        while True:
            received, new = self._receive()
            if new:
                fruitless = 0
                yield new
                continue
            fruitless += 1
            found = depth(self._sqs, self._url)
            # What was in flight at the start is another's. The count lags behind our own receives and deletes.
            waiting = max(0, found.in_flight - len(self._held)) if others else 0
            if waiting and self._wait_for_others and time.monotonic() < patience_ends:
                fruitless = 0
                continue
            # SQS counts visible and hidden letters at different moments: one that just came back may be in neither.
            if fruitless < (_FRUITLESS if received else _FRUITLESS_EMPTY) and (found.visible or self.seen < self.total):
                continue
            self.unseen = waiting + (0 if received else found.visible)
            return

    def _receive(self) -> tuple[int, list[Letter]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=BATCH,
            VisibilityTimeout=self._hidden_seconds,
            WaitTimeSeconds=_POLL_SECONDS,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        received = [Letter(self._url, message) for message in answer.get("Messages", [])]
        new = [letter for letter in received if letter.id not in self._seen]
        self._held.update({letter.id: letter.receipt for letter in received})
        self._seen.update(letter.id for letter in new)
        return len(received), new
