"""A server of the sandbox in a process of its own: it says its URL on standard output and ends with standard input.

That pipe is how it learns that whoever started it is gone, however it went, on every system: see `end_with_parent`.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
_START_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 5.0
_URL = re.compile(r"http://127\.0\.0\.1:\d+$")
# Of what a server that did not start wrote: a traceback and what led to it.
_LINES_KEPT = 50


class ServerProcess:
    """A `python -m` of the sandbox: started at once, ready when `url` returns, ended with the block.

    name: what it is, for people
    module: and its arguments
    environment: on top of this process's own
    """

    def __init__(self, name: str, module: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        self.name = name
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._url: str | None = None
        self._ready_or_ended = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env={**os.environ, **(environment or {}), "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the sandbox, which then ends this in order
        )
        self._reader = threading.Thread(target=self._read, name=f"{name}'s output", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def url(self, timeout: float = _START_TIMEOUT_SECONDS) -> str:
        """Wait until it serves and return where; RuntimeError, with what it wrote, when it ends or takes too long."""
        self._ready_or_ended.wait(timeout)
        if self._url is None:
            ended = self._ready_or_ended.is_set()
            why = "\n".join(self._lines).strip() or ("it said nothing" if ended else f"not within {timeout:.0f} s")
            raise RuntimeError(f"{self.name} did not start: {why}")
        return self._url

    def stop(self) -> None:
        """End it. Safe to call twice."""
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        """Read for as long as it runs, so that it never waits for a reader. What it says later goes to our own log."""
        for line in self._process.stdout or ():
            if self._url is not None:
                with suppress(OSError):  # a terminal that is gone
                    os.write(2, line.encode())
                continue
            self._lines.append(line.rstrip())
            if found := _URL.search(line.rstrip()):
                self._url = found.group()
                self._ready_or_ended.set()
        self._ready_or_ended.set()


def end_with_parent() -> None:
    """End this process at once when its standard input, if that is a pipe, ends.

    The other end belongs to the process that started this one, and closes with it. A terminal, a file or /dev/null,
    where there is one, says nothing of that kind: then it takes a signal.
    """
    stdin = 0
    if not stat.S_ISFIFO(os.fstat(stdin).st_mode):
        return

    def watch() -> None:
        # Not sys.stdin.read(): a thread that waits in there makes the interpreter abort at its end.
        while os.read(stdin, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
