"""EventBridge: what its targets get, and where what they cannot get goes."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

from jsonpath_ng.ext.parser import parse
from moto.events.models import Rule
from moto.events.utils import EventTemplateParser
from moto.sqs.exceptions import SQSException
from moto.sqs.models import Queue, sqs_backends
from moto.utilities.arns import parse_arn

from sandbox.aws.moto_patches import invocation
from sandbox.aws.moto_patches.registry import patch

_moto_send_to_targets = Rule.send_to_targets


class Undeliverable(Exception):  # noqa: N818 - what the event is
    """A target that cannot get an event.

    code, message: as in a dead letter's ERROR_CODE and ERROR_MESSAGE
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@patch(Rule, "send_to_targets")
def send_to_targets(self: Rule, original_event: Any, transform_input: bool = True) -> None:  # noqa: FBT001, FBT002 - moto's
    """Deliver an event to the rule's targets as EventBridge does.

    moto leaves `account` out of the event, ignores a disabled rule's state, `Input`, `InputPath` and dead-letter
    queues, and cannot invoke functions.
    """
    if self.state == "DISABLED" or not self.event_pattern.matches_event(original_event):
        return
    for target in list(self.targets):
        service = parse_arn(target["Arn"]).service
        if service not in ("sqs", "lambda"):
            _send_with_moto(self, target, original_event, transform_input)
            continue
        event = _as_delivered(original_event)
        try:
            content = _content(target, event, original_event)
            if service == "sqs":
                _send_to_queue(target, content)
            else:
                _invoke(self, target, content, event)
        except Undeliverable as error:
            dead_letter(self, target, event, error)


def dead_letter(rule: Rule, target: dict[str, Any], event: dict[str, Any], error: Undeliverable) -> None:
    """Put an event that a target could not get on the target's dead-letter queue, or lose it as EventBridge does."""
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    queue = _queue(arn) if arn else None
    if queue is None:
        return
    attributes = {
        "RULE_ARN": ("String", rule.arn),
        "TARGET_ARN": ("String", target["Arn"]),
        "ERROR_CODE": ("String", error.code),
        "ERROR_MESSAGE": ("String", error.message),
        "RETRY_ATTEMPTS": ("Number", "0"),
    }
    sqs_backends[queue.account_id][queue.region].send_message(
        queue.name,
        json.dumps(event),
        message_attributes={
            name: {"DataType": kind, "StringValue": value} for name, (kind, value) in attributes.items()
        },
    )


def _send_with_moto(rule: Rule, target: dict[str, Any], event: Any, transform_input: bool) -> None:  # noqa: FBT001 - moto's
    only = copy.copy(rule)
    only.targets = [target]
    _moto_send_to_targets(only, event, transform_input)


def _as_delivered(event: Any) -> dict[str, Any]:
    """Return the event as EventBridge writes it: all of its fields, in its order, the time in ISO 8601."""
    time = event["time"]
    if not isinstance(time, str) or time.replace(".", "", 1).isdigit():
        time = datetime.fromtimestamp(float(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
    return {name: time if name == "time" else event[name] for name in fields}


def _content(target: dict[str, Any], event: dict[str, Any], original_event: Any) -> str:
    """Return what the target gets: Input, the part at InputPath, the transformed event or the whole event, as text."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(_at_path(event, target["InputPath"]))
    transformer = target.get("InputTransformer")
    if transformer:
        source = {**event, "ingestion-time": original_event.get("ingestion-time")}
        try:
            transformed = EventTemplateParser.parse(
                transformer["InputTemplate"],
                transformer.get("InputPathsMap", {}),
                source,  # type: ignore[arg-type] # moto: a TypedDict of the same fields
            )
        except ValueError as error:
            raise Undeliverable("INVALID_JSON", f"The input transformer made no JSON: {error}") from error
        return json.dumps(transformed)
    return json.dumps(event)


def _at_path(event: dict[str, Any], path: str) -> Any:
    matches = parse(path).find(event)
    if not matches:
        raise Undeliverable("INVALID_PARAMETER", f"The input path {path} selects nothing in the event")
    return matches[0].value


def _queue(arn: str) -> Queue | None:
    parts = parse_arn(arn)
    return sqs_backends[parts.account][parts.region].queues.get(parts.resource_id)


def _send_to_queue(target: dict[str, Any], content: str) -> None:
    queue = _queue(target["Arn"])
    if queue is None:
        raise Undeliverable("NO_RESOURCE", "The specified queue does not exist.")
    group_id = (target.get("SqsParameters") or {}).get("MessageGroupId")
    try:
        sqs_backends[queue.account_id][queue.region].send_message(queue.name, content, group_id=group_id)
    except SQSException as error:
        raise Undeliverable("INVALID_PARAMETER", str(error)) from error


def _invoke(rule: Rule, target: dict[str, Any], content: str, event: dict[str, Any]) -> None:
    arn = target["Arn"]
    if not invocation.exists(arn):
        raise Undeliverable("NO_RESOURCE", f"Function not found: {arn}")

    def failed(reason: str) -> None:
        dead_letter(rule, target, event, Undeliverable("SDK_CLIENT_ERROR", reason))

    invocation.start(arn, json.loads(content), failed)
