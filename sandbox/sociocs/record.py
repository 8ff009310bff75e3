"""What the simulator remembers: every request that came and every message that it accepted, within a fixed memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Fate = Literal["waiting", "sent", "dropped", "unsendable"]


@dataclass(slots=True, kw_only=True)
class RecordedRequest:
    """One request as it came over the wire.

    number: 1 for the first request since the last reset
    at: when its last byte was read, ISO 8601 in UTC
    connection: number of the TCP connection; requests with equal numbers shared one connection
    headers: names in lower case; the value of `apikey` is masked
    apikey_valid: whether the apikey was valid at that time
    body: the parsed JSON, the text when it is not JSON, or None when the body was not read
    status: the HTTP status of the answer; None when a rule dropped the request
    reasons: the `errors[].msg` of a refusal
    message_id: of the accepted message; None when the message was not accepted
    rule: number of the scripted rule that decided the answer, if any
    fate: of the answer: still held or delayed, sent, dropped by a rule, or not sendable because the peer had gone
    """

    number: int
    at: str
    connection: int
    method: str
    path: str
    headers: dict[str, str]
    apikey_valid: bool
    body: Any
    status: int | None
    reasons: list[str]
    message_id: str | None
    rule: int | None
    fate: Fate

    @property
    def accepted(self) -> bool:
        """Whether the message was accepted, whatever answer the sender got."""
        return self.message_id is not None

    @property
    def refused(self) -> bool:
        """Whether this was an attempt to send and the message was not accepted. A browser's GET is no attempt."""
        return self.method == "POST" and not self.accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMessage:
    """One message in the inbox: `body` is the JSON as it came, `request` the number of its request."""

    message_id: str
    at: str
    request: int
    body: dict[str, Any]


Entry = TypeVar("Entry")


class BoundedLog(Generic[Entry]):
    """The newest entries, about `most_bytes` bytes together.

    total: number of all entries since the last clear, also of those that were dropped
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._entries: deque[tuple[Entry, int]] = deque()
        self._bytes = 0
        self.total = 0

    def add(self, entry: Entry, size: int) -> None:
        """Keep `entry`, which takes about `size` bytes, and drop the oldest entries to make room for it."""
        self._entries.append((entry, size))
        self._bytes += size
        self.total += 1
        while self._bytes > self._most_bytes and len(self._entries) > 1:
            self._bytes -= self._entries.popleft()[1]

    def clear(self) -> None:
        """Drop everything and count from zero."""
        self._entries.clear()
        self._bytes = self.total = 0

    def __iter__(self) -> Iterator[Entry]:
        """Iterate from the oldest to the newest."""
        return (entry for entry, _ in self._entries)

    def __reversed__(self) -> Iterator[Entry]:
        """Iterate from the newest to the oldest."""
        return (entry for entry, _ in reversed(self._entries))
