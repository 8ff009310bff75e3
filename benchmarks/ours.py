"""Ours: the function as it is deployed, and the same without its ledger, to see what once only costs."""

import os
from typing import Any

from message_sender import handler
from message_sender.ledger import Begun, Ledger
from message_sender.settings import Settings


class _NoLedger(Ledger):
    """Says yes to every attempt, and asks nobody."""

    def begin(self, *_: Any) -> Begun:
        return Begun()

    def _write(self, _: Any) -> None:
        pass


def with_ledger() -> Any:
    """The function's own entry point, wired."""
    handler._application()
    return handler.lambda_handler


def without_ledger() -> Any:
    """The same application, once only left out."""
    vars(handler)["Ledger"] = _NoLedger
    return handler.Application(Settings.from_environment(os.environ)).handle
