"""The keys of one `send`: the same for the same run, so that a run can be repeated and sends nothing twice.

A run is named by the content of its input, or by `--run NAME`. A message without a key of its own gets `RUN-HASH-NTH`:
the run's name, a hash of what Sociocs gets, and which of several equal messages it is. The same input again is the same
run, with the same keys, on any machine. A changed input is another run; only with `--run` it is the same one.

A small file notes each run, so that the command can say what it knows: that a run has been queued before, and that a
changed input holds messages of a run that did not end. No key depends on these files.
"""

import hashlib
import hmac
import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

LONGEST_NAME = 100
LONGEST_KEY = LONGEST_NAME + 1 + 20 + 1 + 6
"""Name, hash and number, for up to a million equal messages."""
KEPT = timedelta(days=30)
"""A note is deleted after this time. The ledger forgets a key sooner."""


@dataclass(frozen=True, slots=True)
class Note:
    """What is known of an earlier try of a run."""

    name: str
    has_ended: bool
    """Everything was put on the queue."""
    marks: frozenset[str]
    """Those of a run that has not ended."""
    at: datetime
    """When it began, or ended."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run over one input for one queue."""

    queue_url: str
    name: str
    contents: Sequence[str] = field(repr=False)
    """What Sociocs gets, of each message that has no key of its own. Equal messages have equal contents."""

    @property
    def keys(self) -> list[str]:
        """The key of each message."""
        return [f"{self.name}-{mark}" for mark in _marks(self.name, self.contents)]

    def before(self) -> Note | None:
        """Return what is known of an earlier try of this run."""
        return _read(self._path)

    def unfinished(self) -> list[tuple[Note, int]]:
        """Find the other runs that did not end and hold some of these messages, and how many they hold."""
        found = []
        for path in self._path.parent.glob(f"{_hash(self.queue_url)}-*"):
            note = _read(path)
            if note and not note.has_ended and note.name != self.name:
                same = len(note.marks.intersection(_marks(note.name, self.contents)))
                if same:
                    found.append((note, same))
        return found

    def begin(self) -> None:
        """Note that the run has begun. Where no note can be kept, the run works all the same."""
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            for old in _old_notes(self._path.parent):
                old.unlink(missing_ok=True)
            _write(self._path, {"run": self.name, "ended": False, "marks": _marks(self.name, self.contents)})

    def end(self) -> None:
        """Note that all of the run is on the queue."""
        with suppress(OSError):
            _write(self._path, {"run": self.name, "ended": True, "marks": []})

    @property
    def _path(self) -> Path:
        return _folder() / f"{_hash(self.queue_url)}-{_hash(self.name)}"


def name_of(content: bytes) -> str:
    """Name a run by its input."""
    return hashlib.sha256(content).hexdigest()[:16]


def _marks(name: str, contents: Sequence[str]) -> list[str]:
    """Return `HASH-NTH` of each message. The hash is keyed with the run's name: two runs have none in common."""
    counted: Counter[str] = Counter()
    marks = []
    for content in contents:
        # 20 hexadecimal digits: with a million messages two have the same in one of 10^12 runs.
        digest = hmac.digest(name.encode(), content.encode("utf-8", "surrogatepass"), "sha256").hex()[:20]
        counted[digest] += 1
        marks.append(f"{digest}-{counted[digest]}")
    return marks


def _read(path: Path) -> Note | None:
    """Read a note; None when there is none, or when it cannot be read."""
    try:
        noted = json.loads(path.read_text(encoding="ascii"))
        at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        return Note(str(noted["run"]), bool(noted["ended"]), frozenset(map(str, noted["marks"])), at)
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _write(path: Path, note: dict[str, object]) -> None:
    """Write a note whole or not at all, for nobody else to read, and onto the disk."""
    beside = path.with_name(f".{path.name}")
    beside.touch(mode=0o600)
    with beside.open("w", encoding="ascii") as file:
        json.dump(note, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _old_notes(folder: Path) -> Iterator[Path]:
    oldest = (datetime.now(UTC) - KEPT).timestamp()
    return (path for path in folder.iterdir() if path.stat().st_mtime < oldest)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _folder() -> Path:
    """Return where programs keep such notes (XDG Base Directory Specification, XDG_STATE_HOME)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "sociocs" / "runs"
