"""What a target of an EventBridge rule gets of an event.

Source: "Amazon EventBridge input transformation" in the EventBridge User Guide, and the answers that the service gave
to a published suite of tests where the page says nothing (a variable that the event does not have, `detailType`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

_WAYS = ("Input", "InputPath", "InputTransformer")
_MOST_VARIABLES = 100
_JSON_STRING_OR_NOT = re.compile(r'"(?:[^"\\]|\\.)*"|[^"]+|"')
_PLACEHOLDER = re.compile(r"<([^<>\s]+)>")
_PATH = re.compile(r"\$(?:\.[\w/-]+|\.\*|\[\d+\]|\[\*\])*")
_STEP = re.compile(r"\.([\w/-]+|\*)|\[(\d+|\*)\]")
_TEXTS = ("aws.events.rule-arn", "aws.events.rule-name", "aws.events.event.ingestion-time")
_OBJECTS = ("aws.events.event", "aws.events.event.json")
_MISSING = object()


def input_problem(target: dict[str, Any]) -> str | None:
    """Return why PutTargets refuses the input of a target, or None."""
    name = target["Id"]
    if len([way for way in _WAYS if way in target]) > 1:
        return f"Only one of Input, InputPath, or InputTransformer must be provided for target {name}."
    if "Input" in target and not _is_json(target["Input"]):
        return f"JSON syntax error in input for target {name}."
    transformer = target.get("InputTransformer", {})
    variables = transformer.get("InputPathsMap", {})
    paths = [target["InputPath"]] if "InputPath" in target else list(variables.values())
    for path in paths:
        if not _PATH.fullmatch(path):
            return f"Invalid InputPath for target {name}: EventBridge has no JSON path {path}."
    if len(variables) > _MOST_VARIABLES or any(variable.upper().startswith("AWS") for variable in variables):
        return f"InputPathsMap for target {name} has more than 100 variables or one whose name starts with AWS."
    return _template_problem(name, transformer["InputTemplate"], set(variables)) if transformer else None


def _template_problem(name: str, template: str, variables: set[str]) -> str | None:
    inside: list[str] = []
    alone: list[str] = []
    sample = _substituted(template, lambda v: inside.append(v) or "", lambda v: alone.append(v) or "0")  # type: ignore[func-returns-value] # a sample value
    for variable in (*inside, *alone):
        if variable not in {*variables, *_TEXTS, *_OBJECTS}:
            return f"InputTemplate for target {name} contains invalid placeholder {variable}."
    for variable in set(inside) & set(_OBJECTS):
        return f"InputTemplate for target {name} has {variable} in a string: it can only be the value of a JSON field."
    if not _is_json(sample):
        return f"InputTemplate for target {name} is not JSON, and the sandbox takes no other template."
    return None


def target_input(target: dict[str, Any], event: dict[str, Any], rule_arn: str, ingested: float) -> str:
    """Return the text that a target gets.

    event: as EventBridge delivers it
    ingested: when the event came, in epoch seconds
    Raises ValueError when the target cannot get the event.
    """
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        value = _at_path(event, target["InputPath"])
        if value is _MISSING:
            raise ValueError(f"the input path {target['InputPath']} selects nothing in the event")
        return json.dumps(value)
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(event)
    values = _reserved(event, rule_arn, ingested)
    values |= {name: _at_path(event, path) for name, path in transformer.get("InputPathsMap", {}).items()}
    transformed = _substituted(
        transformer["InputTemplate"], lambda name: _inside_string(values[name]), lambda name: _alone(values[name])
    )
    if not _is_json(transformed):
        raise ValueError("the input transformer made no JSON: EventBridge does not escape a value inside of a string")
    return transformed


def _reserved(event: dict[str, Any], rule_arn: str, ingested: float) -> dict[str, Any]:
    """Return the variables that EventBridge defines."""
    without_detail = {name: value for name, value in event.items() if name not in ("detail", "detail-type")}
    return {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_arn.rpartition("/")[2],
        "aws.events.event.ingestion-time": datetime.fromtimestamp(ingested, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws.events.event": {**without_detail, "detailType": event["detail-type"]},
        "aws.events.event.json": event,
    }


def _substituted(template: str, inside_string: Callable[[str], str], alone: Callable[[str], str]) -> str:
    """Replace each placeholder, by one function inside of a JSON string and by the other elsewhere."""

    def part(match: re.Match[str]) -> str:
        replacement = inside_string if match.group().startswith('"') else alone
        return _PLACEHOLDER.sub(lambda placeholder: replacement(placeholder.group(1)), match.group())

    return _JSON_STRING_OR_NOT.sub(part, template)


def _inside_string(value: Any) -> str:
    """A text is not escaped, and the quotes of an object or an array are removed."""
    if value is _MISSING:
        return ""
    return value if isinstance(value, str) else json.dumps(value).replace('"', "")


def _alone(value: Any) -> str:
    """Quotes are added to a text. A variable that the event does not have is an empty text."""
    return json.dumps("" if value is _MISSING else value)


def _at_path(event: Any, path: str) -> Any:
    """Return the value at a JSON path: an array when the path has a wildcard, _MISSING when there is none."""
    found = [event]
    for name, index in _STEP.findall(path):
        if "*" in (name, index):
            found = [item for node in found if isinstance(node, (list, dict)) for item in _items(node)]
        elif name:
            found = [node[name] for node in found if isinstance(node, dict) and name in node]
        else:
            found = [node[int(index)] for node in found if isinstance(node, list) and int(index) < len(node)]
    if "*" in path:
        return found
    return found[0] if found else _MISSING


def _items(node: list[Any] | dict[str, Any]) -> list[Any]:
    return list(node.values()) if isinstance(node, dict) else node


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
