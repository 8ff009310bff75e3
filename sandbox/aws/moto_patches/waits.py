"""SQS: shorter waits, for a demonstration or a test that wants to see the next attempt.

The function puts a message back for 30 s and more. With a time scale, a wait that ChangeMessageVisibility or
DelaySeconds asks for is divided by it. The queue's own visibility timeout is not divided, so that a message is not
delivered again while the function works on it.
"""

from __future__ import annotations

from moto.core.utils import unix_time_millis
from moto.sqs.models import Message

_moto_mark_received = Message.mark_received


def scale_waits(factor: float) -> None:
    """Change moto in this process: divide all later waits by `factor`."""

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
