"""Ctrl-C and SIGTERM: they interrupt the command between two steps, not within one."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sociocs_cli.output import note


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM interrupt the block as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Delay the first Ctrl-C or SIGTERM until the block has ended. The second one interrupts the block at once."""
    interrupted = False

    def delay(_number: int, _frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted:
            raise KeyboardInterrupt
        interrupted = True
        note("Finishing this batch; press again to stop at once.")

    try:
        before = {number: signal.signal(number, delay) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # only the main thread may set handlers, and only the main thread is interrupted
        yield
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)
    if interrupted:
        raise KeyboardInterrupt
