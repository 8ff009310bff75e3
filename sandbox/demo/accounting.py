"""The fate of each message: the messages sent, compared with those in Sociocs and in the dead-letter queue.

A message is accepted when it is in the simulator's inbox, dead-lettered when it is in the dead-letter queue, and lost
when it is in neither. Everything else in the inbox was sent twice.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.demo.samples import Sample
from sandbox.sociocs.record import AcceptedMessage, RecordedRequest

Fate = Literal["accepted", "duplicate", "dead-lettered", "waiting", "lost"]


@dataclass(frozen=True)
class Sent:
    """A sample that was sent; `id` is the id that SQS or EventBridge gave it."""

    sample: Sample
    id: str

    @property
    def key(self) -> str:
        """The idempotency key of the message."""
        return self.sample.own_key or self.id


@dataclass(frozen=True)
class Line:
    """The fate of one message.

    fate: `duplicate` means that its key was accepted before: the message was acknowledged and not sent again
    message_id: Sociocs's id, of an accepted message or a duplicate
    code, reason: of a dead letter
    retries: number of attempts after the first
    """

    name: str
    way_in: str
    recipient: str
    fate: Fate
    message_id: str | None = None
    code: str | None = None
    reason: str | None = None
    retries: int = 0


@dataclass(frozen=True)
class Account:
    """The lines and their sums. `accepted` and `dead_lettered` count what the inbox and the queue hold."""

    lines: tuple[Line, ...]
    accepted: int
    dead_lettered: int
    lost: int
    duplicated: int

    @property
    def closing_line(self) -> str:
        """The sums in one line."""
        return (
            f"accepted {self.accepted}, dead-lettered {self.dead_lettered}, "
            f"lost {self.lost}, duplicated {self.duplicated}"
        )


def settle(
    sent: Sequence[Sent],
    requests: Sequence[RecordedRequest],
    accepted: Sequence[AcceptedMessage],
    dead_letters: Sequence[Mapping[str, Any]],
    still_queued: int = 0,
) -> Account:
    """Find each sent message. `still_queued` is the number of messages that are still in the queue."""
    inbox: dict[str, list[str]] = defaultdict(list)
    for message in accepted:
        inbox[_same(message.body)].append(message.message_id)
    attempts = Counter(_same(request.body) for request in requests)
    letters = list(dead_letters)
    first_of_key: dict[str, Line] = {}
    lines: list[Line] = []
    for item in sent:
        line = _dead_letter(item, letters) or _accepted(item, inbox, attempts, first_of_key)
        lines.append(line or _line(item, "waiting" if still_queued else "lost"))
    return Account(
        lines=tuple(lines),
        accepted=len(accepted),
        dead_lettered=len(dead_letters),
        lost=sum(line.fate == "lost" for line in lines),
        duplicated=sum(len(left) for left in inbox.values()),
    )


def _dead_letter(item: Sent, letters: list[Mapping[str, Any]]) -> Line | None:
    for letter in letters:
        attributes = {name: value.get("StringValue") for name, value in letter.get("MessageAttributes", {}).items()}
        if attributes.get("IDEMPOTENCY_KEY", item.key) == item.key and _same_body(item, letter["Body"]):
            letters.remove(letter)
            return _line(
                item,
                "dead-lettered",
                code=attributes.get("ERROR_CODE"),
                reason=attributes.get("ERROR_MESSAGE"),
                retries=int(attributes.get("RETRY_ATTEMPTS") or 0),
            )
    return None


def _accepted(
    item: Sent, inbox: dict[str, list[str]], attempts: Counter[str], first_of_key: dict[str, Line]
) -> Line | None:
    if item.key in first_of_key:
        return _line(item, "duplicate", message_id=first_of_key[item.key].message_id)
    content = _same(item.sample.forwarded)
    if not inbox[content]:
        return None
    retries = attempts[content] - len(inbox[content])
    attempts[content] -= retries + 1
    line = _line(item, "accepted", message_id=inbox[content].pop(0), retries=retries)
    first_of_key[item.key] = line
    return line


def _line(item: Sent, fate: Fate, **more: Any) -> Line:
    sample = item.sample
    return Line(sample.name, sample.way_in, masked(recipient_of(sample)), fate, **more)


def recipient_of(sample: Sample) -> str | None:
    """Return the recipient of a sample, if it has one."""
    to = sample.content.get("to") if isinstance(sample.content, dict) else None
    return to if isinstance(to, str) else None


def masked(recipient: str | None) -> str:
    """Return a recipient that a person can recognise and nobody can call: `+1617•••1212`."""
    if recipient is None:
        return "-"
    if len(recipient) < 10:
        return f"•••{recipient[-2:]}"
    return f"{recipient[: 5 if recipient.startswith('+') else 4]}•••{recipient[-4:]}"


def _same_body(item: Sent, body: str) -> bool:
    if item.sample.body is not None:
        return body == item.sample.body
    try:
        event = json.loads(body)
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("id") == item.id


def _same(content: Any) -> str:
    """Return a text that is equal for equal JSON values, in whatever order their names are."""
    return json.dumps(content, sort_keys=True)
