"""Scripted behaviour: rules that make the simulator misbehave on purpose, always in the same way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Drop = Literal["before-reading", "after-reading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which requests to `POST /message` it is for, and what happens to them. No condition means all of them.

    Conditions, which must all hold:
        to: the recipient, with or without its plus.
        channel_key: the exact channel key.
        text_contains: part of `text`.
        nth: only these of the requests that meet the conditions above, 1 for the first since the rule was made.
        times: at most so many requests, then the rule is spent.

    Effects:
        status, headers, body: the answer instead of the API's own. A `body` of type str is sent as it is, any other
            as JSON; without one the answer is an error as the API documents it.
        delay_seconds: time between the request and its answer.
        hold: keep the request waiting until it is released.
        drop: close the connection instead of an answer; "before-reading" leaves the body unread, so such a rule can
            have no condition on it.
        accept: take a valid message into the inbox although the answer says otherwise (the answer that got lost).

    With none of `status` and `drop` the request is judged as usual, when it comes and not when it is answered.
    """

    to: str | None = None
    channel_key: str | None = None
    text_contains: str | None = None
    nth: tuple[int, ...] = ()
    times: int | None = None
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None
    delay_seconds: float = 0.0
    hold: bool = False
    drop: Drop | None = None
    accept: bool = False

    def __post_init__(self) -> None:
        """Refuse a rule that could not do what it says."""
        if self.drop == "before-reading" and (self.reads_body or self.accept):
            raise ValueError("a request that is dropped before it is read cannot be chosen or accepted by its body")
        if self.drop not in (None, "before-reading", "after-reading"):
            raise ValueError(f"unknown drop: {self.drop}")
        if self.status is not None and (self.drop or not 200 <= self.status <= 599):
            raise ValueError("status is 200 to 599, and not given with drop")
        if self.status is None and (self.headers or self.body is not None):
            raise ValueError("headers and body need a status")
        if self.status is not None and self.status < 300 and self.body is None:
            raise ValueError("a scripted success needs its body")

    @property
    def reads_body(self) -> bool:
        """Whether a condition looks into the message."""
        return not (self.to is None and self.channel_key is None and self.text_contains is None)

    @property
    def scripts_answer(self) -> bool:
        """Whether the sender gets something else than the API's own answer."""
        return self.status is not None or self.drop is not None

    @property
    def judges(self) -> bool:
        """Whether the API judges the message, so that a valid one comes into the inbox."""
        return self.accept or not self.scripts_answer

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Rule:
        """The rule as it came over the control API; TypeError or ValueError when it is none."""
        known = {name.name for name in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown: {', '.join(unknown)}")
        return cls(**{**values, "nth": tuple(values.get("nth", ()))})

    def concerns(self, message: object) -> bool:
        """Whether the conditions on the message hold for this parsed body."""
        if not self.reads_body:
            return True
        if not isinstance(message, dict):
            return False
        return (
            (self.to is None or str(message.get("to")).lstrip("+") == self.to.lstrip("+"))
            and (self.channel_key is None or message.get("channel_key") == self.channel_key)
            and (self.text_contains is None or self.text_contains in str(message.get("text", "")))
        )


@dataclass(slots=True)
class ActiveRule:
    """A rule in force: how many requests it concerned, to how many it applied, and the gate that holds them."""

    number: int
    rule: Rule
    concerned: int = 0
    applied: int = 0
    gate: threading.Event = field(default_factory=threading.Event)


class Script:
    """The rules in force, oldest first. The owner's lock makes each step atomic."""

    def __init__(self) -> None:
        self._active: list[ActiveRule] = []
        self._made = 0

    def add(self, rule: Rule) -> int:
        """Put a rule in force and say its number."""
        self._made += 1
        self._active.append(ActiveRule(self._made, rule))
        return self._made

    def match(self, message: object, *, before_reading: bool) -> ActiveRule | None:
        """The first rule that applies to this request. It is asked twice: before and after the body is read."""
        for active in self._active:
            rule = active.rule
            if (rule.drop == "before-reading") is not before_reading or not rule.concerns(message):
                continue
            active.concerned += 1
            if rule.nth and active.concerned not in rule.nth:
                continue
            if rule.times is not None and active.applied >= rule.times:
                continue
            active.applied += 1
            return active
        return None

    def release(self, number: int | None = None) -> None:
        """Let go what the rule (or every rule) holds, and end it."""
        for active in self._active:
            if active.rule.hold and number in (None, active.number):
                active.gate.set()
        self._active = [active for active in self._active if not active.gate.is_set()]

    def clear(self) -> None:
        """End every rule, and let go what they hold."""
        for active in self._active:
            active.gate.set()
        self._active = []

    def __iter__(self) -> Iterator[ActiveRule]:
        return iter(self._active)
