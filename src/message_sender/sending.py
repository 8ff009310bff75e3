"""One delivery -> its outcome: judge, expiry, once only, send."""

import time
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from message_sender.clock import Clock
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
from message_sender.pace import Gate
from message_sender.settings import Settings
from message_sender.sociocs.client import SociocsClient


class Sender:
    """Sends deliveries, each at most once for its key. Safe to share between threads."""

    def __init__(
        self, client: SociocsClient, ledger: Ledger, settings: Settings, observer: Observer, clock: Clock = time
    ) -> None:
        self._client, self._ledger, self._settings = client, ledger, settings
        self._observer, self._clock = observer, clock

    def send(self, delivery: Delivery, gate: Gate, *, answer_by: float, over_at: float) -> Outcome:
        """Send one delivery.

        Args:
            delivery: what came.
            gate: says whether a send may start.
            answer_by: of the monotonic clock: no request begins that may not be answered by then.
            over_at: epoch seconds at which this invocation is certainly over.
        """
        ready = _judge(delivery)
        if isinstance(ready, Rejected):
            return ready
        message, body = ready
        entry = Entry.of(delivery.key, body, uuid.uuid4().hex, delivery.resend_attempt)
        if self._is_expired(message):
            return self._expired(entry)
        if refusal := gate.admit():
            return refusal
        outcome: Outcome | None = None
        try:
            if self._is_expired(message):  # while it waited for its turn
                return self._expired(entry)
            outcome = self._once(entry, body, answer_by, over_at)
        finally:
            gate.leave(outcome)
        if isinstance(outcome, Unknown) and self._settings.unknown_outcome == "retry":
            return Deferred(ErrorCode.OUTCOME_UNKNOWN, outcome.reason)
        return outcome

    def free_left_over(self) -> None:
        """Free the keys of earlier attempts that sent nothing and could not be freed at once."""
        if left := self._ledger.free_left_over():
            self._observer.problem("the ledger could not be told that attempts have sent nothing", attempts=left)

    def _once(self, entry: Entry, body: bytes, answer_by: float, over_at: float) -> Outcome:
        """Claim the key, send, and write down how it ended."""
        if self._ledger.is_clogged:
            return _unavailable("too many attempts wait to be written down")
        now = self._clock.time()
        try:
            found = self._ledger.begin(entry, now, over_at)
        except LedgerUnavailableError as error:
            return _unavailable(str(error))
        if not isinstance(found, Begun):
            return _already(found)
        self._client.begin()
        try:
            outcome = self._client.send(body, answer_by)
        except BaseException:
            # A bug, or the end of the process. Only one thing counts: whether the request had gone out.
            if self._client.request_was_sent:
                self._finish(entry, Unknown("the sender failed after the request went out"), found)
            else:
                self._ledger.release(entry, found)
            raise
        if isinstance(outcome, Unknown):
            outcome = replace(outcome, attempt=entry.attempt, attempted_at=now)
        if isinstance(outcome, Deferred) and outcome.code is not ErrorCode.NOT_ATTEMPTED:
            outcome = replace(outcome, tried_since=found.tried_since)
        self._finish(entry, outcome, found)
        return outcome

    def _finish(self, entry: Entry, outcome: Outcome, begun: Begun) -> None:
        try:
            match outcome:
                case Accepted(message_id):
                    self._ledger.finish_accepted(entry, message_id)
                case Unknown():
                    self._ledger.finish_unknown(entry)
                case Deferred(tried_since=float()):
                    self._ledger.postpone(entry, begun)
                case _:
                    self._ledger.release(entry, begun)
        except LedgerUnavailableError as error:
            # The outcome counts all the same. What stays behind reads as an attempt that died, which is never sent
            # again by itself.
            self._observer.problem("the ledger could not be told how an attempt ended", ledger_error=str(error))

    def _expired(self, entry: Entry) -> Outcome:
        """Not sent any more; but an earlier delivery of it may have been, before it expired."""
        try:
            found = self._ledger.look(entry, self._clock.time())
        except LedgerUnavailableError as error:
            return _unavailable(str(error))
        decided = isinstance(found, EarlierUnknown) and found.attempt == entry.resend_of
        if found is None or decided or isinstance(found, Conflict):
            return Rejected(ErrorCode.EXPIRED, "expires_at is past; it was not sent")
        return _already(found)

    def _is_expired(self, message: Message) -> bool:
        expires_at = message.expires_at
        return expires_at is not None and expires_at <= datetime.fromtimestamp(self._clock.time(), UTC)


def _judge(delivery: Delivery) -> tuple[Message, bytes] | Rejected:
    """Take the message and the body to forward out of a delivery, or say every reason why it holds none."""
    if delivery.problem:
        return Rejected(ErrorCode.INVALID_MESSAGE, delivery.problem)
    message = check(delivery.content)
    if isinstance(message, Invalid):
        return Rejected(ErrorCode.INVALID_MESSAGE, str(message))
    content = cast(dict[str, object], delivery.content)  # or it were no message
    try:
        return message, forwarded(content, delivery.content_text)
    except ValueError:
        return Rejected(ErrorCode.INVALID_MESSAGE, "not JSON: a number is out of range")


def _unavailable(why: str) -> Deferred:
    reason = f"the ledger could not be asked ({why}); nothing was sent"
    return Deferred(ErrorCode.DEPENDENCY_UNAVAILABLE, reason)


def _already(found: Found) -> Outcome:
    match found:
        case AlreadyAccepted(message_id):
            return Accepted(message_id, duplicate=True)
        case InProgress(seconds):
            return Deferred(ErrorCode.IN_PROGRESS, "another attempt with the same key is under way", seconds)
        case Conflict():
            return Rejected(ErrorCode.IDEMPOTENCY_CONFLICT, "the idempotency key was used for a different message")
        case EarlierUnknown(attempt, attempted_at):
            reason = "an earlier attempt may have sent it; nobody heard the answer"
            return Unknown(reason, attempt, attempted_at, earlier=True)
