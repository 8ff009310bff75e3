"""The local AWS endpoint with shorter waits: `python -m sandbox.aws.moto_patches.waits FACTOR [options of sandbox.aws.server]`.

The function puts a message back for 30 s and more. A demonstration or a test that wants to see the next
attempt divides those waits: what ChangeMessageVisibility and DelaySeconds ask for lasts a `FACTOR`th of it. A
queue's own visibility timeout stays whole, so that a message is not handed out again while it is worked on.
"""

from __future__ import annotations

import sys

from moto.core.utils import unix_time_millis
from moto.sqs.models import Message

from sandbox.aws import server

_moto_mark_received = Message.mark_received


def scale_waits(factor: float) -> None:
    """Change moto in this process."""

    def change_visibility(self: Message, visibility_timeout: int) -> None:
        self.visible_at = unix_time_millis() + int(visibility_timeout) * 1000 / factor

    def delay(self: Message, delay_seconds: int) -> None:
        self.delayed_until = unix_time_millis() + int(delay_seconds) * 1000 / factor

    def mark_received(self: Message, visibility_timeout: int | None = None) -> None:
        _moto_mark_received(self, None)
        if visibility_timeout:
            self.visible_at = unix_time_millis() + int(visibility_timeout) * 1000

    Message.change_visibility = change_visibility  # type: ignore[method-assign]
    Message.delay = delay  # type: ignore[method-assign]
    Message.mark_received = mark_received  # type: ignore[method-assign]


def main() -> None:
    """Scale, then serve as `python -m sandbox.aws.server` does."""
    scale_waits(float(sys.argv[1]))
    server.main(sys.argv[2:])


if __name__ == "__main__":
    main()
