"""The control API under `/_control/`, through which tests and the sandbox look behind the API and script it.

`sandbox.sociocs.client` is its other half. Answers are JSON. A request that makes no sense gets 400 and `{"error": …}`.
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
    """Carry out one control request and return the HTTP status and the JSON value of its answer."""
    parts = urlsplit(target)
    action = _ACTIONS.get((method, parts.path.removeprefix(PREFIX)))
    if action is None:
        return 404, {"error": f"no {method} {parts.path}"}
    try:
        values = json.loads(body) if body else {name: value[-1] for name, value in parse_qs(parts.query).items()}
        with simulator.changed:
            return 200, action(simulator, values)
    except (ValueError, TypeError, LookupError) as error:
        return 400, {"error": str(error)}


def _fields(record: RecordedRequest | AcceptedMessage) -> Values:
    """Return the record's fields without a copy of the body, which `asdict` would make."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def _settings(simulator: Simulator, values: Values) -> None:
    simulator.apikeys = values.get("apikeys", simulator.apikeys)
    simulator.channel_keys = values.get("channel_keys", simulator.channel_keys)
    if "rate_limit" in values:
        limit = values["rate_limit"]
        simulator.set_rate_limit(RateLimit(**limit) if limit else None)


_ACTIONS: dict[tuple[str, str], Callable[[Simulator, Values], object]] = {
    ("GET", "requests"): lambda simulator, _: [_fields(request) for request in simulator.requests],
    ("GET", "accepted"): lambda simulator, _: [_fields(message) for message in simulator.accepted],
    ("GET", "counts"): lambda simulator, _: simulator.counts(),
    ("GET", "wait"): lambda simulator, v: simulator.wait_for(v["what"], int(v["count"]), float(v["timeout"])),
    ("GET", "rules"): lambda simulator, _: [
        {"number": active.number, "applied": active.applied, "rule": asdict(active.rule)} for active in simulator.rules
    ],
    ("POST", "rules"): lambda simulator, values: simulator.add_rule(Rule.from_json(values)),
    ("DELETE", "rules"): lambda simulator, _: simulator.clear_rules(),
    ("POST", "release"): lambda simulator, values: simulator.release(values.get("rule")),
    ("POST", "reset"): lambda simulator, _: simulator.reset(),
    ("POST", "settings"): _settings,
}
