"""What the simulator remembers: every request it saw and every message it accepted, within a fixed memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Fate = Literal["waiting", "sent", "dropped", "unsendable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRequest:
    """One request as it came over the wire.

    Attributes:
        number: 1 for the first request since the last reset.
        at: when its last byte was read, ISO 8601 in UTC.
        connection: number of the TCP connection; equal numbers mean that it was kept alive.
        headers: names in lower case; the value of `apikey` is masked.
        apikey_valid: whether the apikey was one of the account's at that time.
        body: the parsed JSON, the text when it is not JSON, or None when the body was not read.
        status: the HTTP status of the answer; None when none was sent on purpose.
        reasons: the `errors[].msg` of a refusal.
        message_id: of the accepted message; None when it was not accepted.
        rule: number of the scripted rule that decided the answer, if any.
        fate: what became of the answer: still held or delayed, sent, dropped by a rule, or the peer was gone.
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
        """Whether the message was taken, whatever answer the sender got."""
        return self.message_id is not None

    @property
    def refused(self) -> bool:
        """Whether somebody tried to send and it is not in the inbox; a GET, such as a browser's, is no attempt."""
        return self.method == "POST" and not self.accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedMessage:
    """One message in the inbox: `body` is the JSON as it was forwarded, `request` the number of its request."""

    message_id: str
    at: str
    request: int
    body: dict[str, Any]


Entry = TypeVar("Entry")


class BoundedLog(Generic[Entry]):
    """The newest entries by number, at most `most_entries` of them and about `most_bytes` together."""

    def __init__(self, most_entries: int, most_bytes: int) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._entries: OrderedDict[int, tuple[Entry, int]] = OrderedDict()
        self._bytes = 0
        self.total = 0

    def add(self, number: int, entry: Entry, size: int) -> None:
        """Keep `entry`, which takes about `size` bytes; the oldest go to make room, never this one."""
        self._entries[number] = (entry, size)
        self._bytes += size
        self.total += 1
        while len(self._entries) > 1 and (len(self._entries) > self._most_entries or self._bytes > self._most_bytes):
            _, (_, forgotten) = self._entries.popitem(last=False)
            self._bytes -= forgotten

    def replace(self, number: int, entry: Entry) -> None:
        """Put a newer state of an entry in its place, unless it has been forgotten."""
        if number in self._entries:
            self._entries[number] = (entry, self._entries[number][1])

    def get(self, number: int) -> Entry | None:
        """The entry, unless it has been forgotten."""
        found = self._entries.get(number)
        return found[0] if found else None

    def clear(self) -> None:
        """Forget everything, the total too."""
        self._entries.clear()
        self._bytes = self.total = 0

    def __iter__(self) -> Iterator[Entry]:
        """Oldest first."""
        return (entry for entry, _ in self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def newest_first(self) -> Iterator[Entry]:
        """All that is kept, the newest first."""
        return (entry for entry, _ in reversed(self._entries.values()))
