"""The keys of one `send`: other ones with each run, and the same ones again when a run did not get to its end.

A message without a key of its own gets `RUN-HASH-NTH`: a hash of what Sociocs gets, and which of several equal ones it
is. So a file may be mended between two tries: spaces, line ends, order, lines added or taken out change no key of the
others. The run is noted in a small file until everything is on the queue. A run that was interrupted, however rudely,
is found by its messages, and the function sends nothing twice; the same file sent once more on purpose, after a run
that ended well, is a new run.
"""

import hashlib
import hmac
import os
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

LONGEST_ID = 100
LONGEST_KEY = LONGEST_ID + 1 + 20 + 1 + 6
"""ID, hash and number, for up to a million equal messages."""


@dataclass(frozen=True)
class Run:
    """One run over one input for one queue."""

    id: str
    marks: list[str] = field(repr=False)
    """`HASH-NTH` of each message. The hash is keyed with the run's id: two runs have none in common."""
    note: Path | None = None
    """None when it could not be noted, or need not be: the id was given, or every message has a key of its own."""
    begun: datetime | None = None
    """When an earlier run began that is continued."""

    @classmethod
    def begin(cls, queue_url: str, contents: Sequence[str], given: str | None = None, *, new: bool = False) -> "Run":
        """Take up the run that left these messages unfinished, or begin one.

        Args:
            queue_url: where they go.
            contents: what Sociocs gets, of each message that has no key of its own; equal messages are equal here.
            given: an id that the user chose, so that the keys are the same wherever and whenever it runs.
            new: begin one in any case, and forget the unfinished one: these messages are to be sent once more.
        """
        if given:
            return cls(given, _marks(given, contents))
        prefix = hashlib.sha256(queue_url.encode()).hexdigest()[:16]
        for run in _unfinished(prefix, contents):
            if not new:
                return run
            run.end()
        id_ = secrets.token_hex(8)
        marks = _marks(id_, contents)
        note = _folder() / f"{prefix}-{id_}"
        try:
            note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if marks:
                _write(note, len(marks), marks)
        except OSError:
            return cls(id_, marks)
        return cls(id_, marks, note if marks else None)

    @property
    def keys(self) -> list[str]:
        """The key of each message."""
        return [f"{self.id}-{mark}" for mark in self.marks]

    def end(self) -> None:
        """Forget the run: all of it is on the queue, or at least all of it that this input holds."""
        if self.note:
            with suppress(OSError, ValueError):
                number, noted = _read(self.note)
                left = noted - set(self.marks)
                if left:
                    _write(self.note, number, sorted(left))
                else:
                    self.note.unlink()


def _unfinished(prefix: str, contents: Sequence[str]) -> Iterator[Run]:
    """Find the runs that these messages are of, the best match first.

    More than half of the messages must be the same, of this input or of the run's: one equal message does not make an
    unrelated input the rest of a run, in which it would be held for queued already.
    """
    found: list[tuple[int, Run]] = []
    for note in _folder().glob(f"{prefix}-*"):
        with suppress(OSError, ValueError):
            number, noted = _read(note)
            id_ = note.name.removeprefix(f"{prefix}-")
            marks = _marks(id_, contents)
            same = len(noted.intersection(marks))
            if 2 * same > min(len(marks), number):
                found.append((same, Run(id_, marks, note, datetime.fromtimestamp(note.stat().st_mtime, UTC))))
    yield from (run for _, run in sorted(found, key=lambda match: match[0], reverse=True))


def _marks(id_: str, contents: Sequence[str]) -> list[str]:
    counted: Counter[str] = Counter()
    marks = []
    for content in contents:
        # 20 hexadecimal digits: with a million messages two have the same in one of 10^12 runs.
        digest = hmac.digest(id_.encode(), content.encode("utf-8", "surrogatepass"), "sha256").hex()[:20]
        counted[digest] += 1
        marks.append(f"{digest}-{counted[digest]}")
    return marks


def _read(note: Path) -> tuple[int, set[str]]:
    """Read how many messages the run had, and the marks of those that are not known to be queued."""
    number, *marks = note.read_text(encoding="ascii").split()
    return int(number), set(marks)


def _write(note: Path, number: int, marks: Sequence[str]) -> None:
    """Write it whole or not at all, for nobody else to read, and onto the disk."""
    beside = note.with_name(f".{note.name}")
    beside.touch(mode=0o600)
    with beside.open("w", encoding="ascii") as file:
        file.write("\n".join([str(number), *marks]))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(note)


def _folder() -> Path:
    """Where programs keep such notes (XDG Base Directory Specification, XDG_STATE_HOME)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "sociocs" / "runs"
