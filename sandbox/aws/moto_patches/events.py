"""EventBridge: what its targets get, where the rest goes, and which rules and targets are refused."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from moto.core.exceptions import ServiceException
from moto.core.utils import unix_time
from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule
from moto.sns.models import sns_backends
from moto.sqs.models import Queue, sqs_backends
from moto.utilities.arns import parse_arn

from sandbox.aws.moto_patches import invocation
from sandbox.aws.moto_patches.registry import patch
from sandbox.aws.moto_patches.target_input import input_problem, target_input

logger = logging.getLogger("sandbox.events")

_moto_put_rule = EventsBackend.put_rule
_moto_put_targets = EventsBackend.put_targets
_moto_put_events = EventsBackend.put_events

_TARGET_FIELDS = {
    *("Id", "Arn", "RoleArn", "Input", "InputPath", "InputTransformer"),
    *("DeadLetterConfig", "RetryPolicy", "SqsParameters"),
}
# The content filters that moto evaluates. It takes any other for one that matches.
_FILTERS = {"exists", "prefix", "suffix", "equals-ignore-case", "numeric", "anything-but", "cidr", "wildcard"}


class Undeliverable(Exception):  # noqa: N818 - what the event is
    """A target cannot get an event. `code` and the message are a dead letter's ERROR_CODE and ERROR_MESSAGE."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@patch(EventsBackend, "put_rule")
def put_rule(self: EventsBackend, name: str, **options: Any) -> Rule:
    """Moto takes rules that it never evaluates: schedules, and patterns with filters that it does not know."""
    if options.get("scheduled_expression"):
        raise ValidationException("the sandbox runs no schedules: give the rule an EventPattern")
    rule = _moto_put_rule(self, name, **options)
    if unknown := set(_filters(rule.event_pattern.get_pattern())) - _FILTERS:
        self.delete_rule(name, options.get("event_bus_arn"))
        raise ValidationException(f"the sandbox does not know the filters of the event pattern: {sorted(unknown)}")
    return rule


@patch(EventsBackend, "put_targets")
def put_targets(self: EventsBackend, name: str, event_bus_arn: str | None, targets: list[dict[str, Any]]) -> None:
    """Moto takes targets that it cannot deliver to, and inputs that EventBridge refuses."""
    for target in targets:
        service = parse_arn(target["Arn"]).service
        if service not in _SENDERS or (service == "sns" and target["Arn"].endswith(".fifo")):
            message = "the sandbox delivers to SQS queues, Lambda functions and standard SNS topics, and not to"
            raise ValidationException(f"{message} {target['Arn']} (target {target['Id']})")
        if unknown := sorted(target.keys() - _TARGET_FIELDS):
            raise ValidationException(f"the sandbox does not know {unknown} of target {target['Id']}")
        if problem := input_problem(target):
            raise ValidationException(problem)
    _moto_put_targets(self, name, event_bus_arn, targets)


@patch(EventsBackend, "put_events")
def put_events(self: EventsBackend, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Moto takes events in the name of AWS's own services, and details that are not objects."""
    errors = {number: error for number, event in enumerate(events) if (error := _entry_error(event))}
    results = iter(_moto_put_events(self, [event for number, event in enumerate(events) if number not in errors]))
    return [errors[number] if number in errors else next(results) for number in range(len(events))]


@patch(Rule, "send_to_targets")
def send_to_targets(self: Rule, original_event: Any, transform_input: bool = True) -> None:  # noqa: ARG001, FBT001, FBT002 - moto's
    """Deliver an event to the rule's targets as EventBridge does.

    moto leaves `account` out of the event. It ignores a disabled rule's state, `Input`, `InputPath` and dead-letter
    queues, makes other values of an input transformer, and cannot invoke functions or publish to topics.
    """
    if self.state == "DISABLED" or not self.event_pattern.matches_event(original_event):
        return
    event = _as_delivered(original_event)
    ingested = original_event.get("ingestion-time") or unix_time()
    for target in list(self.targets):
        try:
            try:
                content = target_input(target, event, self.arn, ingested)
            except ValueError as error:
                raise Undeliverable("INVALID_JSON", str(error)) from error
            _SENDERS[parse_arn(target["Arn"]).service](self, target, content, event)
        except Undeliverable as error:
            dead_letter(self, target, event, error)


def dead_letter(rule: Rule, target: dict[str, Any], event: dict[str, Any], error: Undeliverable) -> None:
    """Put an event that a target could not get on the target's dead-letter queue, or say that it is lost."""
    arn = (target.get("DeadLetterConfig") or {}).get("Arn")
    queue = _queue(arn) if arn else None
    if queue is None:
        message = "event %s is lost: %s could not get it (%s: %s), and there is no dead-letter queue"
        logger.warning(message, event["id"], target["Arn"], error.code, error)
        return
    attributes = {
        "RULE_ARN": ("String", rule.arn),
        "TARGET_ARN": ("String", target["Arn"]),
        "ERROR_CODE": ("String", error.code),
        "ERROR_MESSAGE": ("String", str(error)),
        "RETRY_ATTEMPTS": ("Number", "0"),
    }
    sqs_backends[queue.account_id][queue.region].send_message(
        queue.name,
        json.dumps(event),
        message_attributes={
            name: {"DataType": kind, "StringValue": value} for name, (kind, value) in attributes.items()
        },
    )


def _entry_error(event: dict[str, Any]) -> dict[str, Any] | None:
    if str(event.get("Source")).startswith("aws."):
        return {"ErrorCode": "NotAuthorizedForSourceException", "ErrorMessage": "Not authorized for the source."}
    if str(event.get("Detail")).lstrip()[:1] != "{" and event.get("Detail"):
        return {"ErrorCode": "MalformedDetail", "ErrorMessage": "Detail is malformed."}
    return None


def _filters(pattern: Any) -> Iterator[str]:
    """Yield the names of the content filters in a pattern: in its lists, objects are filters or branches of $or."""
    for name, value in pattern.items():
        for item in [value] if isinstance(value, dict) else value:
            if isinstance(value, dict) or name == "$or":
                yield from _filters(item)
            elif isinstance(item, dict):
                yield from item


def _as_delivered(event: Any) -> dict[str, Any]:
    """Return the event as EventBridge writes it: all of its fields, in its order, the time in ISO 8601."""
    time = event["time"]
    if not isinstance(time, str) or time.replace(".", "", 1).isdigit():
        time = datetime.fromtimestamp(float(time), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail")
    return {name: time if name == "time" else event[name] for name in fields}


def _queue(arn: str) -> Queue | None:
    parts = parse_arn(arn)
    return sqs_backends[parts.account][parts.region].queues.get(parts.resource_id)


def _send_to_queue(_: Rule, target: dict[str, Any], content: str, __: dict[str, Any]) -> None:
    queue = _queue(target["Arn"])
    if queue is None:
        raise Undeliverable("NO_RESOURCE", "The specified queue does not exist.")
    group_id = (target.get("SqsParameters") or {}).get("MessageGroupId")
    try:
        sqs_backends[queue.account_id][queue.region].send_message(queue.name, content, group_id=group_id)
    except ServiceException as error:
        raise Undeliverable("INVALID_PARAMETER", str(error)) from error


def _publish(_: Rule, target: dict[str, Any], content: str, __: dict[str, Any]) -> None:
    parts = parse_arn(target["Arn"])
    backend = sns_backends[parts.account][parts.region]
    if target["Arn"] not in backend.topics:
        raise Undeliverable("NO_RESOURCE", "Topic does not exist.")
    try:
        backend.publish(content, target["Arn"])
    except (ServiceException, ValueError) as error:
        raise Undeliverable("INVALID_PARAMETER", str(error)) from error


def _invoke(rule: Rule, target: dict[str, Any], content: str, event: dict[str, Any]) -> None:
    arn = target["Arn"]
    if not invocation.exists(arn):
        raise Undeliverable("NO_RESOURCE", f"Function not found: {arn}")

    def failed(reason: str) -> None:
        dead_letter(rule, target, event, Undeliverable("SDK_CLIENT_ERROR", reason))

    invocation.start(arn, json.loads(content), failed)


_SENDERS = {"sqs": _send_to_queue, "lambda": _invoke, "sns": _publish}
