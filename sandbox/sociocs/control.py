"""The control API under `/_control/`: what tests and the sandbox use to look behind the API and to script it.

`sandbox.sociocs.client` is its other half. Answers are JSON; a request that makes no sense gets 400 and `{"error": …}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, fields
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sandbox.sociocs.record import AcceptedMessage, RecordedRequest
from sandbox.sociocs.script import Rule
from sandbox.sociocs.simulator import RateLimit, Simulator

PREFIX = "/_control/"

Values = dict[str, Any]


def control(simulator: Simulator, method: str, target: str, body: bytes) -> tuple[int, object]:
    """Do what one control request asks for: the HTTP status and the JSON value to answer with."""
    parts = urlsplit(target)
    action = _ACTIONS.get((method, parts.path.removeprefix(PREFIX)))
    if action is None:
        return 404, {"error": f"no {method} {parts.path}"}
    try:
        values = json.loads(body) if body else {name: value[-1] for name, value in parse_qs(parts.query).items()}
        return 200, action(simulator, values)
    except (ValueError, TypeError, LookupError) as error:
        return 400, {"error": str(error)}


def _fields(record: RecordedRequest | AcceptedMessage) -> Values:
    """One level only: `asdict` would copy the whole body."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _requests(simulator: Simulator, _: Values) -> object:
    with simulator.changed:
        return [_fields(request) for request in simulator.requests]


def _accepted(simulator: Simulator, _: Values) -> object:
    with simulator.changed:
        return [_fields(message) for message in simulator.accepted]


def _counts(simulator: Simulator, _: Values) -> object:
    return simulator.counts()


def _wait(simulator: Simulator, values: Values) -> object:
    return simulator.wait_for(values["what"], int(values["count"]), float(values["timeout"]))


def _add_rule(simulator: Simulator, values: Values) -> object:
    return simulator.add_rule(Rule.from_json(values))


def _rules(simulator: Simulator, _: Values) -> object:
    with simulator.changed:
        return [
            {"number": active.number, "applied": active.applied, "rule": asdict(active.rule)}
            for active in simulator.script
        ]


def _clear_rules(simulator: Simulator, _: Values) -> None:
    simulator.clear_rules()


def _release(simulator: Simulator, values: Values) -> None:
    simulator.release(values.get("rule"))


def _reset(simulator: Simulator, _: Values) -> None:
    simulator.reset()


def _settings(simulator: Simulator, values: Values) -> None:
    if "apikeys" in values:
        simulator.set_apikeys(values["apikeys"])
    if "channel_keys" in values:
        simulator.set_channel_keys(values["channel_keys"])
    if "rate_limit" in values:
        limit = values["rate_limit"]
        simulator.set_rate_limit(RateLimit(**limit) if limit else None)


_ACTIONS: dict[tuple[str, str], Callable[[Simulator, Values], object]] = {
    ("GET", "requests"): _requests,
    ("GET", "accepted"): _accepted,
    ("GET", "counts"): _counts,
    ("GET", "wait"): _wait,
    ("GET", "rules"): _rules,
    ("POST", "rules"): _add_rule,
    ("DELETE", "rules"): _clear_rules,
    ("POST", "release"): _release,
    ("POST", "reset"): _reset,
    ("POST", "settings"): _settings,
}
