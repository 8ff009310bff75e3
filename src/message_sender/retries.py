"""When a deferred message is tried again, and when it is not any more. Pure arithmetic on what SQS says of a record."""

import math
import zlib

from message_sender.envelope import Delivery
from message_sender.outcome import Deferred, ErrorCode, Outcome, Rejected
from message_sender.settings import Settings
from message_sender.sqs_limits import LONGEST_VISIBILITY_SECONDS

FIRST_WAIT_SECONDS = 30
UNTRIED_FIRST_WAIT_SECONDS = 5
LONGEST_WAIT_SECONDS = 900
"""The longest backoff: what anyone waits at most after an outage is over."""
_LONGEST_WAIT_FROM_RECEIVE = LONGEST_VISIBILITY_SECONDS - 900
"""SQS counts its 12 hours from the receive: the longest function timeout, 900 s, passes before the wait begins."""
_RETENTION_MARGIN_SECONDS = 3600
"""A message this near its end in the queue is dead-lettered while somebody still can: SQS deletes without a trace."""


def wait_seconds(delivery: Delivery, deferred: Deferred) -> int:
    """Return how long to wait before the next try: exponential by receives, never below Retry-After.

    The upper half is jitter. It comes from the delivery itself, so that the same question has the same answer.
    """
    first = UNTRIED_FIRST_WAIT_SECONDS if deferred.code is ErrorCode.NOT_ATTEMPTED else FIRST_WAIT_SECONDS
    longest: float = min(LONGEST_WAIT_SECONDS, first * 2 ** min(delivery.receives - 1, 16))
    jitter = zlib.crc32(f"{delivery.id}:{delivery.receives}".encode("utf-8", "surrogatepass")) / 2**32
    backoff = longest * (0.5 + jitter / 2)
    # Spread too: a backlog that all heard the same Retry-After must not come back in the same second.
    told = (deferred.retry_after or 0) * (1 + jitter / 10)
    return math.ceil(min(_LONGEST_WAIT_FROM_RECEIVE, max(1, backoff, told)))


def or_exhausted(delivery: Delivery, outcome: Outcome, settings: Settings, now: float) -> Outcome:
    """Turn a deferral into a rejection when there is no next time.

    Age decides: `MaximumRetryHours` from the first real attempt. Time in a paused queue does not count, and no time
    behind an unfinished message of the same group. An unattempted message never exhausts its retries, except at
    maxReceiveCount and at the end of retention, where SQS itself would take it away.
    """
    if not isinstance(outcome, Deferred) or delivery.record is None:
        return outcome
    wait = wait_seconds(delivery, outcome)
    # A redriven message begins anew, whatever the ledger remembers of its first stay.
    since = max(delivery.record.first_received_at, outcome.tried_since or 0)
    kept_until = delivery.record.sent_at + settings.message_retention_hours * 3600 - _RETENTION_MARGIN_SECONDS
    if outcome.code is not ErrorCode.NOT_ATTEMPTED and now - since >= settings.maximum_retry_hours * 3600:
        why = f"tried for {settings.maximum_retry_hours:g} hours"
    elif delivery.receives >= settings.maximum_receive_count:
        why = f"received {delivery.receives} times"
    elif now + wait >= kept_until:
        why = "the queue keeps it no longer"
    else:
        return outcome
    return Rejected(ErrorCode.RETRIES_EXHAUSTED, f"{why}; last: {outcome.code}, {outcome.reason}", outcome.code)
