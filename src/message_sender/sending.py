"""One delivery -> its outcome: judge, expiry, once only, send."""

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from message_sender.contract.message import Message, check, forwarded
from message_sender.contract.problems import Invalid
from message_sender.envelope import Delivery
from message_sender.ledger import (
    AlreadyAccepted,
    Begun,
    Conflict,
    EarlierUnknown,
    Entry,
    Found,
    InProgress,
    Ledger,
    LedgerUnavailableError,
)
from message_sender.observability import Observer
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.settings import Settings
from message_sender.sociocs.client import SociocsClient

Admit = Callable[[], Deferred | None]
"""Asked before anything is sent: None, perhaps after a wait for the pace, or why it is not to be tried now."""


class Sender:
    """Sends deliveries, each at most once for its key. Safe to share between threads."""

    def __init__(self, client: SociocsClient, ledger: Ledger, settings: Settings, observer: Observer) -> None:
        self._client, self._ledger, self._settings, self._observer = client, ledger, settings, observer

    def send(self, delivery: Delivery, admit: Admit, *, last_start: float, over_at: float) -> Outcome:
        """Send one delivery.

        Args:
            delivery: what came.
            admit: see `Admit`.
            last_start: of `time.monotonic`: a request that starts later may not end before the function does.
            over_at: epoch seconds at which this invocation is certainly over.
        """
        ready = _judge(delivery)
        if isinstance(ready, Rejected):
            return ready
        message, body = ready
        entry = Entry.of(delivery.key, body, uuid.uuid4().hex, delivery.unknown_attempt)
        try:
            if _is_expired(message):
                return self._expired(entry)
            if refusal := admit():
                return refusal
            if _is_expired(message):  # while it waited for the pace
                return self._expired(entry)
            found = self._ledger.begin(entry, time.time(), over_at)
        except LedgerUnavailableError as error:
            reason = f"the ledger could not be asked ({error}); nothing was sent"
            return Deferred(ErrorCode.DEPENDENCY_UNAVAILABLE, reason)
        outcome = self._send(entry, body, last_start) if isinstance(found, Begun) else _already(found)
        if isinstance(outcome, Unknown) and self._settings.unknown_outcome == "retry":
            return Deferred(ErrorCode.OUTCOME_UNKNOWN, outcome.reason)
        return outcome

    def _send(self, entry: Entry, body: bytes, last_start: float) -> Outcome:
        outcome = self._client.send(body, last_start)
        if isinstance(outcome, Unknown):
            outcome = replace(outcome, attempt=entry.attempt)
        try:
            if isinstance(outcome, Accepted):
                self._ledger.finish_accepted(entry, outcome.message_id)
            elif isinstance(outcome, Unknown):
                self._ledger.finish_unknown(entry)
            else:
                self._ledger.release(entry)
        except LedgerUnavailableError as error:
            # The outcome counts all the same. What stays behind reads as an attempt that died, which is never sent
            # again by itself.
            self._observer.problem("the ledger could not be told how an attempt ended", ledger_error=str(error))
        return outcome

    def _expired(self, entry: Entry) -> Outcome:
        """Not sent any more; but an earlier delivery of it may have been, before it expired."""
        found = self._ledger.look(entry, time.time())
        decided = isinstance(found, EarlierUnknown) and found.attempt == entry.resend_of
        if found is None or decided or isinstance(found, Conflict):
            return Rejected(ErrorCode.EXPIRED, "expires_at is past; it was not sent")
        return _already(found)


def _judge(delivery: Delivery) -> tuple[Message, bytes] | Rejected:
    """Take the message and the body to forward out of a delivery, or say every reason why it holds none."""
    if delivery.problem:
        return Rejected(ErrorCode.INVALID_MESSAGE, delivery.problem)
    message = check(delivery.content)
    if isinstance(message, Invalid):
        return Rejected(ErrorCode.INVALID_MESSAGE, str(message))
    try:
        return message, forwarded(delivery.content)
    except ValueError:
        return Rejected(ErrorCode.INVALID_MESSAGE, "not JSON: a number is out of range")


def _is_expired(message: Message) -> bool:
    return message.expires_at is not None and message.expires_at <= datetime.now(UTC)


def _already(found: Found) -> Outcome:
    match found:
        case AlreadyAccepted(message_id):
            return Accepted(message_id, duplicate=True)
        case InProgress(seconds):
            return Deferred(ErrorCode.IN_PROGRESS, "another attempt with the same key is under way", seconds)
        case Conflict():
            return Rejected(ErrorCode.IDEMPOTENCY_CONFLICT, "the idempotency key was used for a different message")
        case EarlierUnknown(attempt):
            return Unknown("an earlier attempt may have sent it; nobody heard the answer", attempt, earlier=True)
