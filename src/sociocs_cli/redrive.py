"""Send dead letters back: first onto the queue, then off the dead-letter queue, so that nothing is lost at any point.

What is sent and not yet deleted when the command dies goes back a second time with the next run. Its key makes the
function send it once all the same, which is why no letter goes back without a key that can be known again.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from message_sender.sqs_limits import chunks
from sociocs_cli import move_task
from sociocs_cli.letters import Letter, NoRoomForKeyError, NotReturnableError
from sociocs_cli.queue import delete_batch, send_batch, undisturbed
from sociocs_cli.reading import HIDDEN_SECONDS, Reader

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

Ready = tuple[Letter, list[dict[str, Any]]]
"""A letter, and what goes back for it: one message, or several of a batch of events."""

UNKNOWN_OUTCOME = (
    "it may have been sent already: look in Sociocs first, then name its code to send it once more (--code {code})"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters go back."""

    codes: frozenset[str] = frozenset()
    """Empty: all, but for those that may have been sent already."""
    limit: int | None = None
    without_key: bool = False
    dry_run: bool = False

    @property
    def is_whole_queue(self) -> bool:
        """Whether everything goes back that can."""
        return not self.codes and self.limit is None and not self.dry_run

    def why_not(self, letter: Letter) -> str | None:
        """Why a letter stays although nobody said that its code should; None when it may go."""
        return UNKNOWN_OUTCOME.format(code=letter.code) if not self.codes and letter.outcome_is_unknown else None


@dataclass
class Report:
    """What came of it; counted as it happens, so that it is right also after an interruption."""

    returned: Counter[str] = field(default_factory=Counter)
    """By code: sent back, or with a dry run would be."""
    stayed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By code and reason: chosen, and not sent back."""
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By code and error: refused by SQS; still a dead letter."""
    not_chosen: Counter[str] = field(default_factory=Counter)
    moved: int = 0
    """By SQS's own move."""
    undeleted: int = 0
    """Sent back, and still a dead letter too: the next run sends it again, the function does not."""
    unseen: int = 0
    """Not to be had: another reader's, or behind others of their message group."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing had to stay."""
        return not (self.stayed or self.failed or self.undeleted or self.unseen)


class Redrive:
    """One run of the command."""

    def __init__(
        self,
        sqs: "SQSClient",
        queue_url: str,
        choice: Choice,
        *,
        hidden_seconds: int = HIDDEN_SECONDS,
        on_progress: move_task.OnProgress = lambda *_: None,
        on_wait: Callable[[int, float], object] = lambda *_: None,
    ) -> None:
        """Wire a run.

        Args:
            sqs: the client.
            queue_url: where letters go back to.
            choice: which.
            hidden_seconds: see `Reader`.
            on_progress: told how many letters were looked at, or moved by SQS, of how many.
            on_wait: see `Reader`.
        """
        self._sqs, self._queue_url, self._choice = sqs, queue_url, choice
        self._hidden_seconds, self._on_progress, self._on_wait = hidden_seconds, on_progress, on_wait
        self._newer = 0
        """Letters that were written after the start."""
        self._fifo = queue_url.endswith(".fifo")
        self.report = Report()

    def run(self, dead_letter_url: str) -> None:
        """Send back what is chosen of one queue, letter by letter."""
        self._read(dead_letter_url, lambda _: True)

    def run_whole(self, dead_letter_url: str, source_arn: str, destination_arn: str) -> None:
        """Send back a whole queue: what SQS's own move would harm letter by letter, the rest by that move.

        SQS gives a moved message a new id. A letter whose key is its id, as of a message that killed the function,
        would become another message by it, and an attempt that died after its request went out would be made again.

        A move takes everything, so it is for a queue of which every letter was seen: among those that could not be read
        there may be unknown outcomes.

        Nothing says that a move leaves alone what is written while it runs. So it is for a paused stack: otherwise a
        letter that comes back with an unknown outcome could be moved, and sent, without anybody's decision.
        """
        if move_task.running(self._sqs, source_arn):
            self.report.moved += move_task.follow(self._sqs, source_arn, self._on_progress)
        plain = self._read(dead_letter_url, lambda letter: letter.needs_care)
        if not plain:
            return
        if self.report.is_clean and not self._newer:
            self.report.moved += move_task.move_all(self._sqs, source_arn, destination_arn, self._on_progress)
        else:  # some must stay or were not looked at, and a move asks nobody
            self.report.stayed.clear()
            self.report.failed.clear()
            self.report.unseen = 0
            self.run(dead_letter_url)

    def _read(self, url: str, takes: Callable[[Letter], bool]) -> int:
        """Go through a queue once, and send back what is chosen and `takes` says yes to; count those it says no to."""
        others = 0
        with Reader(
            self._sqs, url, hidden_seconds=self._hidden_seconds, wait_for_others=True, on_wait=self._on_wait
        ) as reader:
            for letters in reader.letters():
                self._on_progress(reader.seen - len(letters), max(reader.total, reader.seen))
                ready: list[Ready] = []
                for letter in letters:
                    # Written since: it went back a moment ago and failed again. The clock here has whole seconds.
                    if letter.written_at > reader.started + timedelta(seconds=1):
                        self._newer += 1
                        continue
                    if (entries := self._entries(letter)) is None:
                        continue
                    if not takes(letter):
                        others += 1
                        continue
                    ready.append((letter, entries))
                ready = ready[: self._left()]
                self._return(url, ready, reader)
                self._on_progress(reader.seen, max(reader.total, reader.seen))
                if self._left() == 0:
                    break
            self.report.unseen += reader.unseen
        return others

    def _left(self) -> int | None:
        """How many more may go; None is no limit."""
        done = self.report.returned.total() + self.report.failed.total()
        return None if self._choice.limit is None else max(0, self._choice.limit - done)

    def _entries(self, letter: Letter) -> list[dict[str, Any]] | None:
        """Make what goes back for a letter; None when it stays."""
        if self._choice.codes and letter.code not in self._choice.codes:
            self.report.not_chosen[letter.code] += 1
            return None
        if why := self._choice.why_not(letter):
            self.report.stayed[letter.code, why] += 1
            return None
        try:
            return letter.entries(fifo=self._fifo, without_key=self._choice.without_key)
        except NoRoomForKeyError as error:
            self.report.stayed[letter.code, f"{error} (--without-key sends it all the same)"] += 1
        except NotReturnableError as error:
            self.report.stayed[letter.code, str(error)] += 1
        return None

    def _return(self, url: str, ready: Sequence[Ready], reader: Reader) -> None:
        if self._choice.dry_run:
            self.report.returned.update(letter.code for letter, _ in ready)
            return
        for group in self._groups(ready):
            with undisturbed():
                self._send_then_delete(url, group, reader)

    def _groups(self, ready: Sequence[Ready]) -> Iterator[list[Ready]]:
        """Put together what one batch call sends: between its sending and its deleting there is as little as can be."""
        group: list[Ready] = []
        for letter, entries in ready:
            together = [entry for _, made in group for entry in made] + entries
            # Without keys one at a time: an interruption sends one twice, not ten.
            if group and (self._choice.without_key or len(list(chunks(together))) > 1):
                yield group
                group = []
            group.append((letter, entries))
        if group:
            yield group

    def _send_then_delete(self, url: str, ready: Sequence[Ready], reader: Reader) -> None:
        errors: dict[str, str] = {}
        entries = [(letter, entry) for letter, made in ready for entry in made]
        start = 0
        for chunk in chunks([entry for _, entry in entries]):
            answers = send_batch(self._sqs, self._queue_url, chunk)
            for (letter, _), sent in zip(entries[start : start + len(chunk)], answers, strict=True):
                if sent.message_id is None:
                    errors[letter.id] = sent.error or ""
            start += len(chunk)
        gone = [letter for letter, _ in ready if letter.id not in errors]
        self.report.failed.update((letter.code, errors[letter.id]) for letter, _ in ready if letter.id in errors)
        self.report.returned.update(letter.code for letter in gone)
        if gone:
            try:
                undeleted = delete_batch(self._sqs, url, [letter.receipt for letter in gone])
            except BaseException:  # also the second Ctrl-C: nobody knows which of them are deleted
                self.report.undeleted += len(gone)
                raise
            self.report.undeleted += len(undeleted)
            for position, letter in enumerate(gone):
                if position not in undeleted:
                    reader.remove(letter)
