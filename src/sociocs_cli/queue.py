"""SQS in batches: send with retries, delete, hide, give back, count."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from message_sender.aws import AWS_ERRORS, succeeded
from message_sender.sqs_limits import BATCH_ENTRIES, SendEntry, numbered
from sociocs_cli.signals import undisturbed

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import GetQueueAttributesResultTypeDef, SendMessageBatchResultTypeDef

TRIES = 5
"""Of an entry that SQS did not take, before it counts as failed."""
FIRST_WAIT_SECONDS = 0.2
LONGEST_WAIT_SECONDS = 5.0

Sleep = Callable[[float], object]


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one entry."""

    message_id: str | None
    """The message's id on the queue; None when SQS did not say that it took it."""
    error: str | None = None
    is_unknown: bool = False
    """SQS neither took nor refused it: it may be on the queue."""


UNANSWERED = Sent(None, "SQS did not answer; it may be queued", is_unknown=True)
UNNAMED = Sent(None, "SQS did not say what became of it; it may be queued", is_unknown=True)


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages are in a queue. SQS calls all three approximate."""

    visible: int
    in_flight: int
    delayed: int
    at: datetime
    """By SQS's clock, in whole seconds."""

    @property
    def total(self) -> int:
        """All of them."""
        return self.visible + self.in_flight + self.delayed


def depth(sqs: "SQSClient", url: str) -> Depth:
    """Count the messages in a queue."""
    answer = sqs.get_queue_attributes(
        QueueUrl=url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )
    found = answer["Attributes"]
    return Depth(
        int(found["ApproximateNumberOfMessages"]),
        int(found["ApproximateNumberOfMessagesNotVisible"]),
        int(found["ApproximateNumberOfMessagesDelayed"]),
        _time_of(answer),
    )


def retention(sqs: "SQSClient", url: str) -> timedelta:
    """Return how long a queue keeps a message."""
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["MessageRetentionPeriod"])["Attributes"]
    return timedelta(seconds=int(found["MessageRetentionPeriod"]))


def _time_of(answer: "GetQueueAttributesResultTypeDef") -> datetime:
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return datetime.now(UTC).replace(microsecond=0)


def send_batch(sqs: "SQSClient", url: str, entries: Sequence[SendEntry], sleep: Sleep = time.sleep) -> list[Sent]:
    """Send what fits into one batch, and again what SQS did not take of it. The answers are in the order of entries.

    Raises:
        ClientError: SQS refused the call itself; nothing of it was sent.
        BotoCoreError: SQS did not answer. Some may have been sent: the same key makes sending them again harmless.
    """
    done: dict[int, Sent] = {}
    for attempt in range(TRIES):
        if attempt:
            wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2 ** (attempt - 1))
            sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - jitter, no secret
        left = [position for position in range(len(entries)) if position not in done]
        try:
            answer = sqs.send_message_batch(QueueUrl=url, Entries=numbered(entries[position] for position in left))
        except ClientError as error:
            if not done:
                raise
            done.update((position, Sent(None, str(error))) for position in left)  # the others are on the queue
            break
        done.update((left[n], sent) for n, sent in _sent(answer, len(left), is_last=attempt == TRIES - 1))
        if len(done) == len(entries):
            break
    return [done.get(position, UNNAMED) for position in range(len(entries))]


def _sent(answer: "SendMessageBatchResultTypeDef", entries: int, *, is_last: bool) -> Iterator[tuple[int, Sent]]:
    """Say what became of entries, by position; nothing of an entry that is to be tried again."""
    for position in succeeded(answer, entries):
        [success] = [one for one in answer["Successful"] if one["Id"] == str(position)]
        yield position, Sent(success.get("MessageId", ""))
    for failure in answer.get("Failed", []):
        if failure.get("SenderFault") or is_last:
            words = f"{failure.get('Code', 'refused')}: {failure.get('Message', '')}".rstrip(": ")
            yield int(failure["Id"]), Sent(None, words)


def delete_batch(sqs: "SQSClient", url: str, receipts: Sequence[str]) -> set[int]:
    """Delete up to ten messages; return the positions of those that SQS does not say are deleted."""
    left = list(range(len(receipts)))
    for _ in range(2):
        entries = numbered({"ReceiptHandle": receipts[position]} for position in left)
        done = succeeded(sqs.delete_message_batch(QueueUrl=url, Entries=entries), len(left))
        left = [position for n, position in enumerate(left) if n not in done]
        if not left:
            break
    return set(left)


def set_visibility(sqs: "SQSClient", url: str, receipts: Sequence[str], seconds: int) -> bool:
    """Hide up to ten received messages for so many seconds from now on; 0 makes them visible.

    Returns whether SQS answered. A message that is visible again or deleted meanwhile fails, and is no error here.
    """
    entries = numbered({"ReceiptHandle": receipt, "VisibilityTimeout": seconds} for receipt in receipts)
    try:
        answer = sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)
    except AWS_ERRORS:
        return False
    return bool(answer.get("Successful") or answer.get("Failed"))


def give_back(sqs: "SQSClient", url: str, receipts: Sequence[str], within_seconds: float) -> None:
    """Make received messages visible again. Where that fails, they become visible when their timeout ends.

    Args:
        sqs: the client.
        url: of the queue.
        receipts: of the messages.
        within_seconds: the visibility timeout: after it there is nothing left to give back.
    """
    ends = time.monotonic() + within_seconds
    for start in range(0, len(receipts), BATCH_ENTRIES):
        with undisturbed():
            could = set_visibility(sqs, url, receipts[start : start + BATCH_ENTRIES], 0)
        if not could or time.monotonic() > ends:
            return
