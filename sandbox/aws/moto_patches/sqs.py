# ruff: noqa: PLR0917 - the replacements have the signatures of moto's methods.
"""SQS: long polls that let others work, FIFO order and deduplication, and what a message may have."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
import time
from typing import Any

from moto.core.utils import unix_time_millis
from moto.sqs import models
from moto.sqs.constants import MAXIMUM_MESSAGE_LENGTH
from moto.sqs.exceptions import BatchRequestTooLong, InvalidParameterValue
from moto.sqs.responses import SQSResponse

from sandbox.aws.moto_patches.registry import patch
from sandbox.aws.moto_patches.serialising import MOTO
from sandbox.aws.moto_patches.sqs_limits import message_size, refusal

# How often a long poll looks again for messages that become visible by the passing of time.
_POLL_SECONDS = 0.1
_DEDUPLICATION_MILLISECONDS = 5 * 60 * 1000

logger = logging.getLogger("sandbox.sqs")

_moto_receive_message = models.SQSBackend.receive_message
_moto_send_message = models.SQSBackend.send_message
_moto_send_message_batch = models.SQSBackend.send_message_batch
_moto_attributes = models.Queue.attributes
_moto_answer_receive = SQSResponse.receive_message
_sequence = itertools.count(18_850_000_000_000_000_000)


def next_sequence_number() -> str:
    """Return a FIFO message's sequence number: 20 digits, each larger than the one before."""
    return str(next(_sequence))


@patch(models.SQSBackend, "receive_message")
def receive_message(
    self: models.SQSBackend,
    queue_name: str,
    count: int,
    wait_seconds_timeout: int,
    visibility_timeout: int,
    message_attribute_names: list[str] | None = None,
) -> list[models.Message]:
    """Receive messages, and let other requests in during a long poll.

    moto waits inside the request, which with one lock around moto would stop every other request. When several messages
    of a FIFO group are visible again, it delivers the last one first. It moves messages to a deleted dead-letter
    queue, where nobody finds them.
    """
    end = time.monotonic() + wait_seconds_timeout
    while True:
        queue = self.get_queue(queue_name)
        dead = queue.dead_letter_queue
        if dead is not None and self.queues.get(dead.name) is not dead:
            logger.warning("the dead-letter queue of %s does not exist: its messages stay where they are", queue_name)
            queue.dead_letter_queue = None
        # moto finds out one at a time that received messages are visible again, and until it has seen all of a group
        # it takes the earlier ones for blocked by the later ones.
        for message in [message for message in queue.pending_messages if message.visible]:
            queue.pending_messages.discard(message)
        messages = _moto_receive_message(self, queue_name, count, 0, visibility_timeout, message_attribute_names)
        remaining = end - time.monotonic()
        if messages or remaining <= 0:
            return messages
        MOTO.wait(min(remaining, _POLL_SECONDS))


@patch(models.Queue, "add_message")
def add_message(self: models.Queue, message: models.Message) -> None:
    """Put a message on a queue.

    moto invokes a Lambda event source mapping as soon as a message is sent, and can swallow the message: here the
    mapping polls the queue. moto drops a dead letter as a duplicate, and forgets which queue it came from.
    """
    home = getattr(message, "home_queue_arn", None)
    if home is not None and home != self.queue_arn:
        message.dead_letter_queue_source_arn = home  # type: ignore[attr-defined] # ours
    message.home_queue_arn = self.queue_arn  # type: ignore[attr-defined] # ours
    self._messages.append(message)
    MOTO.notify_all()


@patch(models.SQSBackend, "send_message")
def send_message(
    self: models.SQSBackend,
    queue_name: str,
    message_body: str,
    message_attributes: dict[str, Any] | None = None,
    delay_seconds: int | None = None,
    deduplication_id: str | None = None,
    group_id: str | None = None,
    **options: Any,
) -> models.Message:
    """Send a message within SQS's limits, a FIFO one once in five minutes.

    moto takes any content and any number of attributes. It measures a message in characters and without its attributes,
    forgets a FIFO message's deduplication id when the message is deleted, and gives sequence numbers at random.
    """
    queue = self.get_queue(queue_name)
    if error := refusal(message_body, message_attributes or {}):
        raise error
    limit: int = queue.maximum_message_size  # type: ignore[attr-defined] # set by name
    if message_size(message_body, message_attributes) > limit:
        raise InvalidParameterValue(
            f"One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        )
    key = _deduplication_key(queue, message_body, deduplication_id, group_id)
    sent: dict[Any, models.Message] = queue.__dict__.setdefault("sent_by_deduplication_key", {})
    earlier = sent.get(key) if key else None
    if earlier and unix_time_millis() - (earlier.sent_timestamp or 0) < _DEDUPLICATION_MILLISECONDS:
        return earlier
    message = _moto_send_message(
        self,
        queue_name,
        message_body,
        message_attributes,
        delay_seconds,
        deduplication_id,
        group_id,
        **options,
    )
    if queue.fifo_queue:
        message.sequence_number = next_sequence_number()
    if key:
        sent[key] = message
    return message


@patch(models.SQSBackend, "send_message_batch")
def send_message_batch(
    self: models.SQSBackend, queue_name: str, entries: dict[str, dict[str, Any]]
) -> tuple[list[models.Message], list[dict[str, Any]]]:
    """Moto measures a batch in characters and without the messages' attributes, and takes any content."""
    size = sum(message_size(e["MessageBody"], e.get("MessageAttributes")) for e in entries.values())
    if size > MAXIMUM_MESSAGE_LENGTH:
        raise BatchRequestTooLong(size)
    errors = {key: refusal(e["MessageBody"], e.get("MessageAttributes") or {}) for key, e in entries.items()}
    accepted = {key: entry for key, entry in entries.items() if errors[key] is None}
    sent, failed = _moto_send_message_batch(self, queue_name, accepted)
    failed += [
        {"Id": entries[key]["Id"], "SenderFault": True, "Code": error.code, "Message": error.message}
        for key, error in errors.items()
        if error
    ]
    return sent, failed


def _attributes(self: models.Queue) -> dict[str, Any]:
    """Moto accepts a redrive allow policy and does not return it."""
    found: dict[str, Any] = _moto_attributes.__get__(self)
    policy = getattr(self, "redrive_allow_policy", None)
    if policy:
        found["RedriveAllowPolicy"] = policy if isinstance(policy, str) else json.dumps(policy)
    return found


patch(models.Queue, "attributes")(property(_attributes))


@patch(SQSResponse, "receive_message")
def answer_receive(self: SQSResponse) -> Any:
    """Moto does not tell from which queue SQS moved a dead letter."""
    answer: Any = _moto_answer_receive(self)
    asked = {*self._get_param("AttributeNames", []), *self._get_param("MessageSystemAttributeNames", [])}
    if asked & {"All", "DeadLetterQueueSourceArn"}:
        queue = self.sqs_backend.get_queue(self._get_queue_name())
        kept = {message.id: message for message in queue._messages}
        for found in answer.result.get("Messages", []):
            source = getattr(kept.get(found["MessageId"]), "dead_letter_queue_source_arn", None)
            if source:
                found.setdefault("Attributes", {})["DeadLetterQueueSourceArn"] = source
    return answer


def _deduplication_key(
    queue: models.Queue, body: str, deduplication_id: str | None, group_id: str | None
) -> tuple[str | None, str] | None:
    if not queue.fifo_queue:
        return None
    if deduplication_id is None:
        deduplication_id = hashlib.sha256(body.encode()).hexdigest()
    by_group = queue.deduplication_scope == "messageGroup"  # type: ignore[attr-defined] # set by name
    return (group_id if by_group else None, deduplication_id)
