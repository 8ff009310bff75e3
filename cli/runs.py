"""The keys of one `send`: other ones with each run, and the same ones again when a run did not get to its end.

A message without a key of its own gets `RUN-NUMBER`. The run is noted in a small file until everything is on the queue.
A run that was interrupted, however rudely, finds the note, takes the same keys, and the function sends nothing twice;
the same file sent once more on purpose, after a run that ended well, is a new run.
"""

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Run:
    """One run over one input for one queue."""

    id: str
    is_continued: bool
    """An earlier run with this input did not get to its end."""
    note: Path | None
    """None when it could not be noted, or need not be: the id was given."""

    @classmethod
    def begin(cls, queue_url: str, text: str, given: str | None = None) -> "Run":
        """Take up the run that this input left unfinished, or begin one.

        Args:
            queue_url: where it goes.
            text: the whole input.
            given: an id that the user chose, so that the keys are the same wherever and whenever it runs.
        """
        if given:
            return cls(given, is_continued=False, note=None)
        name = hashlib.sha256(f"{queue_url}\n{text}".encode()).hexdigest()
        note = _folder() / name
        with suppress(OSError):
            found = note.read_text(encoding="ascii").strip()
            if found:
                return cls(found, is_continued=True, note=note)
        new = secrets.token_hex(8)
        try:
            note.parent.mkdir(parents=True, exist_ok=True)
            with note.open("x", encoding="ascii") as file:
                file.write(new)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            return cls(new, is_continued=False, note=None)
        return cls(new, is_continued=False, note=note)

    def key(self, number: int) -> str:
        """Make the key of the message of this number."""
        return f"{self.id}-{number}"

    def end(self) -> None:
        """Forget the run: all of it is on the queue."""
        if self.note:
            with suppress(OSError):
                self.note.unlink()


def _folder() -> Path:
    """Where programs keep such notes (XDG Base Directory Specification, XDG_STATE_HOME)."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "sociocs" / "runs"
