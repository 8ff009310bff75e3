"""The account behind the API: its keys, its rate limit, its inbox. No HTTP in here."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NoReturn

from sandbox.sociocs.judgement import refusals
from sandbox.sociocs.record import AcceptedMessage, BoundedLog, Fate, RecordedRequest
from sandbox.sociocs.script import ActiveRule, Rule, Script

MASK = "(masked)"

# No message needs 100 levels; a body that is nested a thousand deep could be read but not be handed on as JSON.
MOST_LEVELS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A request as the server read it. Header names are in lower case; a `body` of None was left unread."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes | None
    connection: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API says: the HTTP status, more headers, and the body with its content type."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the server is to do about request `number`: wait as the rule says, then answer, or drop on None.

    `era` counts resets: what was asked before one is not to be mixed up with what came after it.
    """

    number: int
    era: int
    answer: Answer | None
    delay_seconds: float = 0.0
    gate: threading.Event | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most `requests` in any `seconds`; more get 429, with a Retry-After unless `retry_after` is false."""

    requests: int
    seconds: float = 1.0
    retry_after: bool = True


class Simulator:
    """One Sociocs account. Every method is atomic; `changed` is notified when there is something new."""

    def __init__(
        self,
        apikeys: Collection[str] | None = None,
        channel_keys: Collection[str] | None = None,
        *,
        most_entries: int = 20_000,
        most_bytes: int = 128 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """None as `apikeys` or `channel_keys` stands for any that is not empty."""
        self.changed = threading.Condition()
        self.requests: BoundedLog[RecordedRequest] = BoundedLog(most_entries, most_bytes)
        self.accepted: BoundedLog[AcceptedMessage] = BoundedLog(most_entries, most_bytes)
        self._at_start = (apikeys, channel_keys)
        self._clock = clock
        self._message_ids = 0
        self._era = 0
        self.script = Script()
        self.reset()

    def reset(self) -> None:
        """Everything as it was at the start, but for message ids: they are never given twice."""
        with self.changed:
            self.script.clear()
            self.requests.clear()
            self.accepted.clear()
            self.apikeys, self.channel_keys = self._at_start
            self.rate_limit: RateLimit | None = None
            self._within_limit: deque[float] = deque()
            self.waiting = 0
            self._refused = 0
            self._era += 1
            self.changed.notify_all()

    # --- the API ------------------------------------------------------------------------------------------------

    def dropped_unread(self, arrival: Arrival) -> bool:
        """Whether a rule closes the connection on this request, of which only the head was read."""
        with self.changed:
            active = self.script.match(None, before_reading=True)
            if active:
                self._record(arrival, "dropped", active=active)
            return active is not None

    def unreadable(self, arrival: Arrival, reason: str) -> Answer:
        """Refuse and keep a request whose body could not be read."""
        with self.changed:
            self._record(arrival, "sent", status=HTTPStatus.BAD_REQUEST, reasons=[reason])
            return error_answer(HTTPStatus.BAD_REQUEST, [reason])

    def receive(self, arrival: Arrival) -> Reply:
        """Judge one request to the API and keep it."""
        with self.changed:
            is_message = arrival.path == "/message" and arrival.method == "POST"
            parsed = _parsed(arrival.body or b"")
            active = self.script.match(parsed, before_reading=False) if is_message else None
            rule = active.rule if active else Rule()
            message_id = None
            answer: Answer | None = None
            if rule.judges:
                judged, found = self._judge(arrival, parsed)
                message_id = self._take(parsed) if judged == HTTPStatus.OK else None
                answer = self._answer(judged, found, message_id)
            if rule.scripts_answer:
                answer = _scripted_answer(rule)
            number = self._record(
                arrival,
                "waiting",
                parsed=parsed,
                status=answer.status if answer else None,
                reasons=_errors_in(answer) if answer else [],
                message_id=message_id,
                active=active,
            )
            gate = active.gate if active and rule.hold else None
            return Reply(number=number, era=self._era, answer=answer, delay_seconds=rule.delay_seconds, gate=gate)

    def wait_turn(self, reply: Reply) -> None:
        """Wait as long as the rule says; `waiting` counts those who do."""
        if not reply.delay_seconds and not reply.gate:
            return
        with self.changed:
            self.waiting += reply.era == self._era
            self.changed.notify_all()
        if reply.delay_seconds:
            time.sleep(reply.delay_seconds)
        if reply.gate:
            reply.gate.wait()
        with self.changed:
            self.waiting -= reply.era == self._era
            self.changed.notify_all()

    def finish(self, reply: Reply, fate: Fate) -> None:
        """Note what became of the answer."""
        with self.changed:
            request = self.requests.get(reply.number)
            if request and reply.era == self._era:
                self.requests.replace(reply.number, replace(request, fate=fate))
                self.changed.notify_all()

    def _judge(self, arrival: Arrival, parsed: object) -> tuple[int, list[str]]:
        """The status and, unless it is 200, the reasons."""
        if arrival.path != "/message":
            return HTTPStatus.NOT_FOUND, ["Endpoint not found."]
        if arrival.method != "POST":
            return HTTPStatus.METHOD_NOT_ALLOWED, ["Method not allowed."]
        if not self._knows(arrival.headers.get("apikey", "")):
            return HTTPStatus.UNAUTHORIZED, ["Invalid apikey."]
        if self.rate_limit and not self._has_room(self.rate_limit):
            return HTTPStatus.TOO_MANY_REQUESTS, ["Rate limit exceeded."]
        content_type = arrival.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            return HTTPStatus.BAD_REQUEST, ["Content-Type must be application/json."]
        if isinstance(parsed, NotJson):
            return HTTPStatus.BAD_REQUEST, ["Request body must be valid JSON."]
        reasons = refusals(parsed, self.channel_keys)
        return (HTTPStatus.BAD_REQUEST, reasons) if reasons else (HTTPStatus.OK, [])

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

    def _take(self, body: Any) -> str:
        """Put a valid message into the inbox; `request` is the number that its request is about to get."""
        self._message_ids += 1
        message_id = f"Sim{self._message_ids:06d}"
        message = AcceptedMessage(message_id=message_id, at=_now(), request=self.requests.total + 1, body=body)
        self.accepted.add(self.accepted.total + 1, message, _size(body))
        return message_id

    def _answer(self, status: int, reasons: list[str], message_id: str | None) -> Answer:
        if message_id is not None:
            return Answer(status=HTTPStatus.OK, body=_json({"status": "success", "data": {"message_id": message_id}}))
        headers = {}
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "POST"
        if status == HTTPStatus.TOO_MANY_REQUESTS and self.rate_limit and self.rate_limit.retry_after:
            wait = self._within_limit[0] + self.rate_limit.seconds - self._clock()
            headers["Retry-After"] = str(max(1, math.ceil(wait)))
        return error_answer(status, reasons, headers)

    def _record(
        self,
        arrival: Arrival,
        fate: Fate,
        *,
        parsed: object = None,
        status: int | None = None,
        reasons: Sequence[str] = (),
        message_id: str | None = None,
        active: ActiveRule | None = None,
    ) -> int:
        """Keep a request and say its number."""
        number = self.requests.total + 1
        apikey = arrival.headers.get("apikey")
        request = RecordedRequest(
            number=number,
            at=_now(),
            connection=arrival.connection,
            method=arrival.method,
            path=arrival.path,
            headers=arrival.headers if apikey is None else {**arrival.headers, "apikey": MASK},
            apikey_valid=self._knows(apikey or ""),
            body=parsed.text if isinstance(parsed, NotJson) else parsed,
            status=None if status is None else int(status),
            reasons=list(reasons),
            message_id=message_id,
            rule=active.number if active else None,
            fate=fate,
        )
        self._refused += request.refused
        self.requests.add(number, request, 1024 + len(arrival.body or b""))
        self.changed.notify_all()
        return number

    # --- the account --------------------------------------------------------------------------------------------

    def add_rule(self, rule: Rule) -> int:
        """Put a scripted rule in force and say its number."""
        with self.changed:
            return self.script.add(rule)

    def clear_rules(self) -> None:
        """End every rule; what they held is answered."""
        with self.changed:
            self.script.clear()

    def release(self, number: int | None) -> None:
        """Answer what this rule (None: any) holds, and end it."""
        with self.changed:
            self.script.release(number)

    def set_apikeys(self, apikeys: Iterable[str] | None) -> None:
        """From now on only these are valid; None: any that is not empty."""
        with self.changed:
            self.apikeys = None if apikeys is None else frozenset(apikeys)

    def set_channel_keys(self, channel_keys: Iterable[str] | None) -> None:
        """From now on only these are known; None: any that is not empty."""
        with self.changed:
            self.channel_keys = None if channel_keys is None else frozenset(channel_keys)

    def set_rate_limit(self, rate_limit: RateLimit | None) -> None:
        """From now on this limit; None: no limit."""
        with self.changed:
            self.rate_limit = rate_limit
            self._within_limit.clear()

    def counts(self) -> dict[str, int]:
        """How many there were since the last reset, forgotten ones included, and how many wait for their answer."""
        with self.changed:
            return {
                "requests": self.requests.total,
                "accepted": self.accepted.total,
                "refused": self._refused,
                "waiting": self.waiting,
            }

    def wait_for(self, what: str, count: int, timeout: float) -> bool:
        """Wait until `counts()[what]` is at least `count`; false when it is not within `timeout` seconds."""
        with self.changed:
            return self.changed.wait_for(lambda: self.counts()[what] >= count, timeout)


def error_answer(status: int, reasons: Iterable[str], headers: dict[str, str] | None = None) -> Answer:
    """An error as the API documents it."""
    body = {"status": "error", "errors": [{"msg": reason} for reason in reasons]}
    return Answer(status=int(status), headers=headers or {}, body=_json(body))


@dataclass(frozen=True, slots=True)
class NotJson:
    """A body that is not JSON, as far as it can be read."""

    text: str


def _scripted_answer(rule: Rule) -> Answer | None:
    if rule.status is None:
        return None
    if rule.body is None and rule.status < HTTPStatus.BAD_REQUEST:
        return Answer(status=rule.status, headers=rule.headers)
    if rule.body is None:
        return error_answer(rule.status, [f"Scripted answer {rule.status}."], rule.headers)
    if isinstance(rule.body, str):
        content_type = "text/html" if rule.body.lstrip().startswith("<") else "text/plain"
        headers = {name: value for name, value in rule.headers.items() if name.lower() != "content-type"}
        given = next((value for name, value in rule.headers.items() if name.lower() == "content-type"), content_type)
        return Answer(status=rule.status, headers=headers, body=rule.body.encode(), content_type=given)
    return Answer(status=rule.status, headers=rule.headers, body=_json(rule.body))


def _errors_in(answer: Answer) -> list[str]:
    try:
        return [str(error["msg"]) for error in json.loads(answer.body)["errors"]]
    except (ValueError, LookupError, TypeError):
        return []


def _parsed(body: bytes) -> object:
    try:
        value = json.loads(body.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return NotJson(body.decode(errors="replace"))
    return NotJson(body.decode()) if _is_deeper_than(MOST_LEVELS, value) else value


def _is_deeper_than(levels: int, value: object) -> bool:
    layer = [value]
    for _ in range(levels):
        children = [
            node.values() if isinstance(node, dict) else node for node in layer if isinstance(node, dict | list)
        ]
        layer = [child for some in children for child in some]
        if not layer:
            return False
    return True


def _refuse_constant(name: str) -> NoReturn:
    """Python reads NaN and Infinity; JSON has no such values."""
    raise ValueError(name)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _size(body: object) -> int:
    return 512 + len(_json(body))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
