"""Send dead letters back: first onto the queue, then off the dead-letter queue, so that nothing is lost at any point.

A key goes back once in a run, and nothing goes back that was written since the run began: a letter that fails again at
once would otherwise be sent again and again, without anybody having looked at it.

What is sent and not yet deleted when the command dies goes back a second time with the next run. The function sends it
once, because its key is the same. That is why no letter goes back without a key that can be known again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from message_sender.sqs_limits import SendEntry, chunks
from sociocs_cli.choice import Choice
from sociocs_cli.holding import HIDDEN_SECONDS
from sociocs_cli.letters import Letter
from sociocs_cli.queue import delete_batch, send_batch
from sociocs_cli.reading import Reader
from sociocs_cli.redrive_report import Report
from sociocs_cli.returning import NotReturnableError, entries_of
from sociocs_cli.signals import undisturbed
from sociocs_cli.stack import Stack

_SAME_KEY = "a letter with the same key went back in this run: it is left for the next run"

OnProgress = Callable[[int, int], object]
"""Called with how many letters were looked at, of how many."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A letter, and what goes back for it: one message, or several of an array of events."""

    letter: Letter
    entries: Sequence[SendEntry]


class Redrive:
    """One run of the command."""

    def __init__(
        self,
        stack: Stack,
        choice: Choice,
        *,
        hidden_seconds: int = HIDDEN_SECONDS,
        on_progress: OnProgress = lambda *_: None,
        on_wait: Callable[[int, float], object] = lambda *_: None,
    ) -> None:
        """Wire a run.

        Args:
            stack: whose letters.
            choice: which of them.
            hidden_seconds: see `Reader`.
            on_progress: called after each step.
            on_wait: see `Reader`.
        """
        self._stack, self._choice = stack, choice
        self._hidden_seconds, self._on_progress, self._on_wait = hidden_seconds, on_progress, on_wait
        self._started: datetime | None = None
        self._sent_keys: set[str] = set()
        self._missing = set(choice.names)
        self.report = Report()

    def run(self) -> None:
        """Send back what is chosen, from each dead-letter queue of the stack."""
        for url in self._stack.dead_letter_queue_urls:
            with self._reader(url) as reader:
                self._read(reader)
                self.report.unseen += reader.unseen
        self.report.not_found = sorted(self._missing)
        if self._choice.names and not self._missing:
            self.report.unseen = 0  # every named letter was read

    def _reader(self, url: str) -> Reader:
        return Reader(
            self._stack.sqs,
            url,
            hidden_seconds=self._hidden_seconds,
            long_poll_seconds=self._stack.waits.long_poll,
            wait_for_others=True,
            on_wait=self._on_wait,
            monotonic=self._stack.monotonic,
        )

    def _read(self, reader: Reader) -> None:
        for letters in reader.letters():
            self._on_progress(reader.seen - len(letters), max(reader.total, reader.seen))
            self._started = self._started or reader.started
            ready: list[_Ready] = []
            for letter in letters:
                if self._left(ready) == 0:
                    break
                if self._may_go(letter) and (one := self._ready(letter)):
                    self._sent_keys.update(letter.keys)
                    ready.append(one)
            self._return(ready, reader)
            self._on_progress(reader.seen, max(reader.total, reader.seen))
            if self._left() == 0:
                return

    def _left(self, ready: Sequence[_Ready] = ()) -> int | None:
        """How many more may go; None is no limit."""
        done = self.report.returned.total() + self.report.failed.total() + len(ready)
        return None if self._choice.limit is None else max(0, self._choice.limit - done)

    def _may_go(self, letter: Letter) -> bool:
        """Whether a letter goes back in this run; when it does not, why is noted."""
        if not self._choice.has(letter):
            self.report.not_chosen[letter.code] += 1
            return False
        self._missing -= {letter.id, *letter.keys}
        # SQS's clock, as far as it is known, has whole seconds: nobody knows which of the same second came first.
        if self._started and letter.written_at >= self._started:
            self.report.newer += 1
            return False
        why = self._choice.why_not(letter) or (_SAME_KEY if self._sent_keys.intersection(letter.keys) else None)
        if why:
            self.report.stayed[letter.code, why] += 1
        return why is None

    def _ready(self, letter: Letter) -> _Ready | None:
        """Make what goes back for a letter; None when it cannot."""
        resend = self._choice.decides_to_resend(letter)
        without_key = self._choice.without_key
        try:
            return _Ready(letter, entries_of(letter, fifo=self._is_fifo, without_key=without_key, resend=resend))
        except NotReturnableError as error:
            self.report.stayed[letter.code, str(error)] += 1
            return None

    @property
    def _is_fifo(self) -> bool:
        return self._stack.queue_url.endswith(".fifo")

    def _return(self, ready: Sequence[_Ready], reader: Reader) -> None:
        if self._choice.dry_run:
            self.report.returned.update(one.letter.code for one in ready)
            return
        for group in self._groups(ready):
            with undisturbed():
                self._send_then_delete(group, reader)

    def _groups(self, ready: Sequence[_Ready]) -> Iterator[list[_Ready]]:
        """Group what one batch call can send, so that as little as possible lies between its sending and deleting."""
        group: list[_Ready] = []
        for one in ready:
            together = [entry for other in (*group, one) for entry in other.entries]
            # Without keys one at a time: an interruption sends one twice, not ten.
            if group and (self._choice.without_key or len(list(chunks(together))) > 1):
                yield group
                group = []
            group.append(one)
        if group:
            yield group

    def _send_then_delete(self, ready: Sequence[_Ready], reader: Reader) -> None:
        errors = self._send(ready)
        gone = [one.letter for one in ready if one.letter.id not in errors]
        refused = [one.letter for one in ready if one.letter.id in errors]
        self.report.failed.update((letter.code, errors[letter.id]) for letter in refused)
        self.report.returned.update(letter.code for letter in gone)
        if gone:
            self._delete(gone, reader)

    def _send(self, ready: Sequence[_Ready]) -> dict[str, str]:
        """Send everything of the letters; return the error of each letter of which SQS refused something, by id."""
        owners = [one.letter for one in ready for _ in one.entries]
        errors: dict[str, str] = {}
        sent = (
            answer
            for chunk in chunks([entry for one in ready for entry in one.entries])
            for answer in send_batch(self._stack.sqs, self._stack.queue_url, chunk)
        )
        for letter, answer in zip(owners, sent, strict=True):
            if answer.message_id is None:
                errors[letter.id] = answer.error or ""
        return errors

    def _delete(self, gone: Sequence[Letter], reader: Reader) -> None:
        try:
            undeleted = delete_batch(self._stack.sqs, gone[0].queue_url, [letter.receipt for letter in gone])
        except BaseException:  # also the second Ctrl-C: nobody knows which of them are deleted
            self.report.undeleted += len(gone)
            raise
        self.report.undeleted += len(undeleted)
        for position, letter in enumerate(gone):
            if position not in undeleted:
                reader.remove(letter)
