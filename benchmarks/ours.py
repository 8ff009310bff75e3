"""The function as it is deployed, and the same without its ledger, to measure the cost of the ledger."""

import os
from typing import Any

from message_sender import handler
from message_sender.ledger import Begun, Ledger
from message_sender.settings import Settings


class _NoLedger(Ledger):
    """Allows every attempt, without a call to DynamoDB."""

    def begin(self, *_: Any) -> Begun:
        return Begun()

    def _write(self, _: Any) -> None:
        pass


def with_ledger() -> Any:
    """Return the function's own handler, with its application made."""
    handler._application()
    return handler.lambda_handler


def without_ledger() -> Any:
    """Return the handler of the same application without a ledger."""
    vars(handler)["Ledger"] = _NoLedger
    return handler.Application(Settings.from_environment(os.environ)).handle
