"""A server of the sandbox in a process of its own. It prints its URL on standard output.

It ends when its standard input closes. So it learns on every system that its parent has ended, see `end_with_parent`.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
_START_TIMEOUT_SECONDS = 60.0
_STOP_TIMEOUT_SECONDS = 5.0
_URL = re.compile(r"http://127\.0\.0\.1:\d+$")
# How much of the output of a server that did not start is shown: a traceback and the lines before it.
_LINES_KEPT = 50


class ServerProcess:
    """A `python -m` of the sandbox. It is started at once, ready when `url` returns, and ended with the block.

    name: its name in messages
    module: the module and its arguments
    """

    def __init__(self, name: str, module: Sequence[str]) -> None:
        self.name = name
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._url: str | None = None
        self._ready_or_ended = threading.Event()
        self._process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,  # Ctrl-C reaches only the sandbox, which then ends this process in order
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
        """Wait until it serves, and return its URL; RuntimeError with its output when it ends or takes too long."""
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
        """Read its output while it runs, so that it never waits for a reader. Pass on what comes after the URL."""
        for line in self._process.stdout or ():
            if self._url is not None:
                with suppress(OSError):  # the terminal was closed
                    os.write(2, line.encode())
                continue
            self._lines.append(line.rstrip())
            if found := _URL.search(line.rstrip()):
                self._url = found.group()
                self._ready_or_ended.set()
        self._ready_or_ended.set()


def end_with_parent() -> None:
    """End this process at once when its standard input, if that is a pipe, ends.

    The other end of the pipe belongs to the parent, and closes when the parent ends. If standard input is a terminal, a
    file or /dev/null, only a signal ends this process.
    """
    stdin = 0
    if not stat.S_ISFIFO(os.fstat(stdin).st_mode):
        return

    def watch() -> None:
        # sys.stdin.read() is not used: a thread that waits in it makes the interpreter abort when it ends.
        while os.read(stdin, 4096):
            pass
        os._exit(0)

    threading.Thread(target=watch, name="watch-parent", daemon=True).start()
