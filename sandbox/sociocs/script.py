"""Scripted behaviour: rules that make the simulator misbehave on purpose, always in the same way."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

Drop = Literal["before-reading", "after-reading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which requests to `POST /message` the rule applies to, and what happens to them.

    Conditions, which must all hold (a rule without conditions applies to every request):
        to: the recipient, with or without its plus
        channel_key: the exact channel key
        text_contains: part of `text`
        nth: only these of the requests that meet the conditions above; 1 is the first since the rule was made
        times: at most so many requests; then the rule is spent

    Effects:
        status, headers, body: the answer in place of the API's own. A `body` of type str is sent as it is, any other
            as JSON. Without a body the answer is an error as the API documents it.
        delay_seconds: time between the request and its answer
        hold: the request waits for its answer until it is released
        drop: the connection is closed without an answer. "before-reading" leaves the body unread, so that such a rule
            cannot have a condition on the body.
        accept: a valid message is accepted although the answer says otherwise (an answer that got lost)

    Without `status` and `drop` the request is judged as usual, when it comes and not when it is answered.
    """

    to: str | None = None
    channel_key: str | None = None
    text_contains: str | None = None
    nth: int | Sequence[int] = ()
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
        """Whether the sender gets another answer than the API's own."""
        return self.status is not None or self.drop is not None

    @property
    def judges(self) -> bool:
        """Whether the API judges the message, so that a valid message is accepted."""
        return self.accept or not self.scripts_answer

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Rule:
        """Return the rule as it came over the control API; TypeError or ValueError when it is none."""
        if unknown := sorted(set(values) - {name.name for name in fields(cls)}):
            raise ValueError(f"unknown: {', '.join(unknown)}")
        return cls(**values)

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
    """A rule in force.

    concerned: number of requests that met the conditions on the message
    applied: number of requests that the rule applied to
    gate: holds the requests until it is set
    """

    number: int
    rule: Rule
    concerned: int = 0
    applied: int = 0
    gate: threading.Event = field(default_factory=threading.Event)

    def applies(self, message: object, *, before_reading: bool) -> bool:
        """Whether the rule applies to this request. A request is matched twice: before and after its body is read."""
        rule = self.rule
        if (rule.drop == "before-reading") is not before_reading or not rule.concerns(message):
            return False
        self.concerned += 1
        nth = (rule.nth,) if isinstance(rule.nth, int) else rule.nth
        if (nth and self.concerned not in nth) or (rule.times is not None and self.applied >= rule.times):
            return False
        self.applied += 1
        return True
