"""Standard output and standard error of which no failure is an exception: a report that fails changes no work.

The reader of a pipe may stop reading, a disk may be full, there may be no output at all, and its encoding may lack a
character. A command that has queued or deleted something must go on and end as if it could be read.
"""

import errno
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO


class Tolerant(io.TextIOBase):
    """Writes to a stream as long as that works. A character that the stream's encoding lacks is escaped."""

    def __init__(self, stream: TextIO | None) -> None:
        """Wrap a stream; None is one that was closed before the program started."""
        self._stream = stream
        self.failure: Exception | None = None
        """Why something could not be written."""
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        if stream is None:
            self.failure = OSError(errno.EBADF, os.strerror(errno.EBADF))
            os.open(os.devnull, os.O_WRONLY)  # takes the free number, which would else become that of a connection

    @property
    def encoding(self) -> str:  # type: ignore[override]  # of the wrapped stream
        """The encoding, which decides what rich may draw."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str, /) -> int:
        """Write a text, or note that it cannot be written."""
        if not isinstance(text, str):
            raise TypeError("only text")  # click asks so whether a stream takes bytes
        if self._stream is not None and self.failure is None:
            try:
                self._stream.write(text)
            except (OSError, ValueError) as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        """Hand on what is buffered, or note that it cannot be written."""
        if self._stream is not None and self.failure is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def isatty(self) -> bool:
        """Whether a person looks at it."""
        return self._stream is not None and self._stream.isatty()

    def fileno(self) -> int:
        """Return the number of the file."""
        if self._stream is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._stream.fileno()

    def _give_up(self, error: Exception) -> None:
        self.failure = error
        # Python writes what is still buffered when it ends, and would fail once more.
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)


@contextmanager
def tolerant_streams() -> Iterator[tuple[Tolerant, Tolerant]]:
    """Make standard output and standard error tolerant within the block."""
    before = sys.stdout, sys.stderr
    streams = Tolerant(sys.stdout), Tolerant(sys.stderr)
    sys.stdout, sys.stderr = streams
    try:
        yield streams
    finally:
        for stream in streams:
            stream.flush()
        sys.stdout, sys.stderr = before
