"""The account behind the API: its keys, its rate limit, its inbox. This module knows nothing of HTTP connections."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from sandbox.sociocs.answer import Answer, accepted, reasons_in, refused, scripted
from sandbox.sociocs.judgement import refusals
from sandbox.sociocs.message_body import NotJson, parsed
from sandbox.sociocs.record import AcceptedMessage, BoundedLog, Fate, RecordedRequest
from sandbox.sociocs.script import ActiveRule, Rule

MASK = "(masked)"
# What an entry takes in memory beside its body.
_ENTRY_BYTES = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request as the server read it. Header names are in lower case; a `body` of None was left unread."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    connection: int

    @property
    def is_message(self) -> bool:
        """Whether the request is an attempt to send a message."""
        return (self.method, self.path) == ("POST", "/message")


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server does about a request: it waits as the rule says, then answers, or drops the request on None."""

    request: RecordedRequest
    answer: Answer | None
    delay_seconds: float
    gate: threading.Event | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most `requests` in any `seconds`; more get 429, with a Retry-After unless `retry_after` is false."""

    requests: int
    seconds: float = 1.0
    retry_after: bool = True


class Simulator:
    """One Sociocs account. Every method is atomic. `changed` is its lock, and is notified of everything new.

    apikeys, channel_keys: those that are valid; None: any that is not empty
    requests, accepted: what came, and what was accepted of it
    rules: the rules in force, oldest first
    """

    def __init__(
        self,
        apikeys: Collection[str] | None = None,
        channel_keys: Collection[str] | None = None,
        *,
        most_bytes: int = 128 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.changed = threading.Condition()
        self.requests: BoundedLog[RecordedRequest] = BoundedLog(most_bytes)
        self.accepted: BoundedLog[AcceptedMessage] = BoundedLog(most_bytes)
        self.rules: list[ActiveRule] = []
        self._at_start = (apikeys, channel_keys)
        self._clock = clock
        self._message_ids = 0
        self._rules_made = 0
        self.reset()

    def reset(self) -> None:
        """Restore the state of the start. Message ids go on: none is given twice."""
        with self.changed:
            self.clear_rules()
            self.requests.clear()
            self.accepted.clear()
            self.apikeys, self.channel_keys = self._at_start
            self.rate_limit: RateLimit | None = None
            self._within_limit: deque[float] = deque()
            # A new set: a request from before the reset leaves the old one.
            self._waiting: set[int] = set()
            self._refused = 0
            self.changed.notify_all()

    # --- the API ------------------------------------------------------------------------------------------------

    def dropped_unread(self, arrival: Arrival) -> bool:
        """Whether a rule closes the connection on this request, of which only the head was read."""
        with self.changed:
            active = self._match(None, before_reading=True) if arrival.is_message else None
            if active:
                self._record(arrival, None, None, active=active).fate = "dropped"
            return active is not None

    def unreadable(self, arrival: Arrival, reason: str) -> Answer:
        """Refuse and keep a request whose body could not be read."""
        with self.changed:
            answer = refused(HTTPStatus.BAD_REQUEST, [reason])
            self._record(arrival, None, answer).fate = "sent"
            return answer

    def receive(self, arrival: Arrival) -> Reply:
        """Judge one request to the API and keep it."""
        with self.changed:
            message = parsed(arrival.body or b"")
            active = self._match(message, before_reading=False) if arrival.is_message else None
            rule = active.rule if active else Rule()
            message_id, answer = self._judge(arrival, message) if rule.judges else (None, None)
            if rule.scripts_answer:
                answer = scripted(rule)
            request = self._record(arrival, message, answer, message_id=message_id, active=active)
            return Reply(request, answer, rule.delay_seconds, active.gate if active and rule.hold else None)

    def wait_turn(self, reply: Reply) -> None:
        """Wait as long as the rule says. `counts` tells how many requests wait."""
        if not reply.delay_seconds and not reply.gate:
            return
        with self.changed:
            waiting = self._waiting
            waiting.add(reply.request.number)
            self.changed.notify_all()
        if reply.delay_seconds:
            time.sleep(reply.delay_seconds)
        if reply.gate:
            reply.gate.wait()
        with self.changed:
            waiting.discard(reply.request.number)
            self.changed.notify_all()

    def finish(self, reply: Reply, fate: Fate) -> None:
        """Note whether the answer was sent."""
        with self.changed:
            reply.request.fate = fate
            self.changed.notify_all()

    def _match(self, message: object, *, before_reading: bool) -> ActiveRule | None:
        return next((active for active in self.rules if active.applies(message, before_reading=before_reading)), None)

    def _judge(self, arrival: Arrival, message: Any) -> tuple[str | None, Answer]:
        """Return the id of the accepted message, if it was accepted, and the API's own answer."""
        if refusal := self._refusal(arrival, message):
            return None, refusal
        self._message_ids += 1
        message_id = f"Sim{self._message_ids:06d}"
        # The message's request is recorded next.
        entry = AcceptedMessage(message_id=message_id, at=_now(), request=self.requests.total + 1, body=message)
        self.accepted.add(entry, _ENTRY_BYTES + len(arrival.body or b""))
        return message_id, accepted(message_id)

    def _refusal(self, arrival: Arrival, message: object) -> Answer | None:
        """Return the answer to a request that is refused, or None."""
        if arrival.path != "/message":
            return refused(HTTPStatus.NOT_FOUND, ["Endpoint not found."])
        if arrival.method != "POST":
            return refused(HTTPStatus.METHOD_NOT_ALLOWED, ["Method not allowed."], {"Allow": "POST"})
        if not self._knows(arrival.headers.get("apikey", "")):
            return refused(HTTPStatus.UNAUTHORIZED, ["Invalid apikey."])
        if self.rate_limit and not self._has_room(self.rate_limit):
            wait = self._within_limit[0] + self.rate_limit.seconds - self._clock()
            headers = {"Retry-After": str(max(1, math.ceil(wait)))} if self.rate_limit.retry_after else {}
            return refused(HTTPStatus.TOO_MANY_REQUESTS, ["Rate limit exceeded."], headers)
        content_type = arrival.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            return refused(HTTPStatus.BAD_REQUEST, ["Content-Type must be application/json."])
        if isinstance(message, NotJson):
            return refused(HTTPStatus.BAD_REQUEST, ["Request body must be valid JSON."])
        reasons = refusals(message, self.channel_keys)
        return refused(HTTPStatus.BAD_REQUEST, reasons) if reasons else None

    def _knows(self, apikey: str) -> bool:
        return bool(apikey) if self.apikeys is None else apikey in self.apikeys

    def _has_room(self, limit: RateLimit) -> bool:
        now = self._clock()
        while self._within_limit and self._within_limit[0] <= now - limit.seconds:
            self._within_limit.popleft()
        if len(self._within_limit) >= limit.requests:
            return False
        self._within_limit.append(now)
        return True

    def _record(
        self,
        arrival: Arrival,
        message: object,
        answer: Answer | None,
        *,
        message_id: str | None = None,
        active: ActiveRule | None = None,
    ) -> RecordedRequest:
        """Keep a request."""
        apikey = arrival.headers.get("apikey")
        request = RecordedRequest(
            number=self.requests.total + 1,
            at=_now(),
            connection=arrival.connection,
            method=arrival.method,
            path=arrival.path,
            headers=arrival.headers if apikey is None else {**arrival.headers, "apikey": MASK},
            apikey_valid=self._knows(apikey or ""),
            body=message.text if isinstance(message, NotJson) else message,
            status=answer.status if answer else None,
            reasons=reasons_in(answer),
            message_id=message_id,
            rule=active.number if active else None,
            fate="waiting",
        )
        self._refused += request.refused
        self.requests.add(request, _ENTRY_BYTES + len(arrival.body or b""))
        self.changed.notify_all()
        return request

    # --- what the control API changes and asks ------------------------------------------------------------------

    def add_rule(self, rule: Rule) -> int:
        """Put a scripted rule in force, behind the others, and return its number."""
        with self.changed:
            self._rules_made += 1
            self.rules.append(ActiveRule(self._rules_made, rule))
            return self._rules_made

    def clear_rules(self) -> None:
        """End every rule. Held requests are answered."""
        with self.changed:
            for active in self.rules:
                active.gate.set()
            self.rules = []

    def release(self, number: int | None) -> None:
        """Answer the requests that this rule (None: any rule) holds, and end the rule."""
        with self.changed:
            for active in self.rules:
                if active.rule.hold and number in (None, active.number):
                    active.gate.set()
            self.rules = [active for active in self.rules if not active.gate.is_set()]

    def set_rate_limit(self, rate_limit: RateLimit | None) -> None:
        """Apply this limit from now on; None: no limit."""
        with self.changed:
            self.rate_limit = rate_limit
            self._within_limit.clear()

    def counts(self) -> dict[str, int]:
        """Return how many requests came since the last reset, were accepted and refused, and wait for their answer."""
        with self.changed:
            return {
                "requests": self.requests.total,
                "accepted": self.accepted.total,
                "refused": self._refused,
                "waiting": len(self._waiting),
            }

    def wait_for(self, what: str, count: int, timeout: float) -> bool:
        """Wait until `counts()[what]` is at least `count`; False when it is not within `timeout` seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: self.counts()[what] >= count, timeout)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
