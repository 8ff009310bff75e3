"""The function as it is deployed, and the same without its ledger, to measure the cost of the ledger."""

import os
from collections.abc import Callable
from typing import Any

from message_sender import handler
from message_sender.ledger import Begun, Entry, Ledger
from message_sender.settings import Settings


class _NoLedger(Ledger):
    """Allows every attempt, without a call to DynamoDB."""

    def __init__(self) -> None:
        self._left_over = {}

    def begin(self, entry: Entry, now: float, until: float) -> Begun:  # noqa: ARG002 - the ledger's signature
        return Begun(now)

    def _write(self, call: Callable[[], object]) -> None:
        pass


def with_ledger() -> Any:
    """Return the function's own handler, with its application made."""
    handler._application()
    return handler.lambda_handler


def without_ledger() -> Any:
    """The same application, once only left out."""
    return handler.Application(Settings.from_environment(os.environ), ledger=_NoLedger()).handle
