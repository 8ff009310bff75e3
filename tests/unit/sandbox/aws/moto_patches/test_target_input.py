"""Input, InputPath and InputTransformer, as EventBridge's page and its answers have them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.aws.moto_patches.target_input import input_problem, target_input

RULE_ARN = "arn:aws:events:us-east-1:123456789012:rule/bus/orders"
EVENT: dict[str, Any] = {
    "version": "0",
    "id": "e1",
    "detail-type": "Order Paid",
    "source": "shop",
    "account": "123456789012",
    "time": "2026-11-25T10:00:00Z",
    "region": "us-east-1",
    "resources": ["arn:a", "arn:b"],
    "detail": {"to": "+16175551212", "id": 1001, "paid": True, "who": 'Ann "A" Lee', "items": [{"n": 1}, {"n": 2}]},
}


def got(template: str, **paths: str) -> str:
    """Return what a target with an input transformer gets."""
    target = {"Id": "t", "InputTransformer": {"InputPathsMap": paths, "InputTemplate": template}}
    assert input_problem(target) is None
    return target_input(target, EVENT, RULE_ARN, 1_795_600_800.5)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"to": <to>, "text": "Order <id> is paid"}', {"to": "+16175551212", "text": "Order 1001 is paid"}),
        ('{"to": "<to>"}', {"to": "+16175551212"}),
        ('{"id": <id>, "paid": <paid>, "all": [<id>, "<id>"]}', {"id": 1001, "paid": True, "all": [1001, "1001"]}),
        ("[1, 2, <id>]", [1, 2, 1001]),
        ("<to>", "+16175551212"),
        ('"Order <id>"', "Order 1001"),
        ('{"who": <who>}', {"who": 'Ann "A" Lee'}),
        ('{"items": <items>}', {"items": [{"n": 1}, {"n": 2}]}),
        ('{"text": "items <items>"}', {"text": "items [{n: 1}, {n: 2}]"}),
        ('{"text": "say \\"<to>\\""}', {"text": 'say "+16175551212"'}),
        ('{"a": <none>, "b": "[<none>]"}', {"a": "", "b": "[]"}),
        ('{"a": <second>, "b": <each>}', {"a": {"n": 2}, "b": [1, 2]}),
    ],
)
def test_placeholders(template: str, expected: Any) -> None:
    """EventBridge adds quotes to a text that stands alone. It does not change a value inside of a string."""
    content = got(
        template,
        to="$.detail.to",
        id="$.detail.id",
        paid="$.detail.paid",
        who="$.detail.who",
        items="$.detail.items",
        none="$.detail.none",
        second="$.detail.items[1]",
        each="$.detail.items[*].n",
    )
    assert json.loads(content) == expected


def test_reserved_variables() -> None:
    """Reserved variables need no path. The time of arrival is not the event's own time."""
    content = got(
        '{"rule": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "at": <aws.events.event.ingestion-time>,'
        ' "event": <aws.events.event.json>, "short": <aws.events.event>}'
    )
    short = {name: value for name, value in EVENT.items() if name not in ("detail", "detail-type")}
    assert json.loads(content) == {
        "rule": RULE_ARN,
        "name": "orders",
        "at": "2026-11-25T10:00:00Z",
        "event": EVENT,
        "short": {**short, "detailType": "Order Paid"},
    }


def test_a_value_inside_a_string_is_not_escaped() -> None:
    """EventBridge does not escape it, so a quote in the value makes no JSON, and the event cannot be delivered."""
    with pytest.raises(ValueError, match="made no JSON"):
        got('{"text": "Hi <who>"}', who="$.detail.who")


def test_values_are_not_templates() -> None:
    """A placeholder in a value stays text."""
    event = {**EVENT, "detail": {"a": "<b>", "b": "x"}}
    transformer = {"InputPathsMap": {"a": "$.detail.a", "b": "$.detail.b"}, "InputTemplate": '{"a": <a>, "t": "<a>"}'}
    content = target_input({"Id": "t", "InputTransformer": transformer}, event, RULE_ARN, 0)
    assert json.loads(content) == {"a": "<b>", "t": "<b>"}


@pytest.mark.parametrize(
    ("path", "expected"),
    [("$", EVENT), ("$.detail-type", "Order Paid"), ("$.resources[0]", "arn:a"), ("$.detail.items[*].n", [1, 2])],
)
def test_input_paths(path: str, expected: Any) -> None:
    """A path selects a value; a wildcard selects an array."""
    assert json.loads(target_input({"Id": "t", "InputPath": path}, EVENT, RULE_ARN, 0)) == expected


def test_an_input_path_that_selects_nothing_cannot_be_delivered() -> None:
    """The error makes the event a dead letter."""
    with pytest.raises(ValueError, match="selects nothing"):
        target_input({"Id": "t", "InputPath": "$.detail.none"}, EVENT, RULE_ARN, 0)


def template(text: str, **paths: str) -> dict[str, Any]:
    """Return an input transformer."""
    return {"InputTransformer": {"InputPathsMap": paths, "InputTemplate": text}}


@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ({"Input": "{}", "InputPath": "$"}, "Only one of Input, InputPath, or InputTransformer must be provided"),
        ({"Input": "{"}, "JSON syntax error"),
        ({"InputPath": "$['detail']"}, "no JSON path"),
        ({"InputPath": "$.detail[?(@.a)]"}, "no JSON path"),
        ({"InputPath": "detail"}, "no JSON path"),
        (template('{"a": <a>}', a="$..a"), "no JSON path"),
        (template('"<b>"', a="$.detail"), "InputTemplate for target t contains invalid placeholder b."),
        (template("{}", **{"aws.x": "$.detail"}), "starts with AWS"),
        (template("{}", **{f"v{n}": "$.detail" for n in range(101)}), "more than 100"),
        (template('"event: <aws.events.event.json>"'), "can only be the value of a JSON field"),
        (template("Order <a>", a="$.detail"), "is not JSON"),
        (template('{"a": <a>', a="$.detail"), "is not JSON"),
        (template("{<a>: 1}", a="$.detail"), "is not JSON"),
    ],
)
def test_what_put_targets_refuses(target: dict[str, Any], problem: str) -> None:
    """An input that could never be delivered is refused when the target is made."""
    assert problem in (input_problem({"Id": "t", **target}) or "")
