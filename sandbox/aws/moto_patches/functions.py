"""Lambda: the record of an event source mapping, and which settings are refused because they would have no effect."""

from __future__ import annotations

from typing import Any

from moto.awslambda import models
from moto.awslambda.exceptions import InvalidParameterValueException

from sandbox.aws.moto_patches.invocation import function_name as name_of
from sandbox.aws.moto_patches.registry import patch

_moto_list = models.LambdaBackend.list_event_source_mappings
_moto_create = models.LambdaBackend.create_event_source_mapping
_moto_update = models.LambdaBackend.update_event_source_mapping
_moto_create_function = models.LambdaBackend.create_function
_moto_put_config = models.LambdaBackend.put_function_event_invoke_config

# The settings of a mapping that `sandbox.lambda_service.event_source_mapping` keeps, and those that identify it.
_MAPPING_FIELDS = {
    *("EventSourceArn", "FunctionName", "BatchSize", "MaximumBatchingWindowInSeconds", "FunctionResponseTypes"),
    *("ScalingConfig", "Enabled", "Tags", "UUID", "FunctionArn", "RegionName", "AccountId"),
}


@patch(models.LambdaBackend, "list_event_source_mappings")
def list_event_source_mappings(
    self: models.LambdaBackend, event_source_arn: str, function_name: str
) -> list[models.EventSourceMapping]:
    """Moto finds a mapping only by the function's name as it was given when the mapping was made: name or ARN."""
    found = list(_moto_list(self, event_source_arn, ""))
    if function_name:
        found = [mapping for mapping in found if name_of(mapping.function_arn) == name_of(function_name)]
    return found


@patch(models.LambdaBackend, "create_event_source_mapping")
def create_event_source_mapping(self: models.LambdaBackend, spec: dict[str, Any]) -> models.EventSourceMapping:
    """Moto takes settings of a mapping that the sandbox does not keep, such as a filter, and several for a function."""
    _check_mapping(spec)
    if ":sqs:" not in spec.get("EventSourceArn", ":sqs:"):
        raise InvalidParameterValueException("the sandbox polls SQS queues only")
    if self.list_event_source_mappings("", spec.get("FunctionName", "")):
        raise InvalidParameterValueException("the sandbox polls one queue for a function, and this function has one")
    return _moto_create(self, spec)


@patch(models.LambdaBackend, "update_event_source_mapping")
def update_event_source_mapping(
    self: models.LambdaBackend, uuid: str, spec: dict[str, Any]
) -> models.EventSourceMapping | None:
    """Moto takes settings of a mapping that the sandbox does not keep, such as a filter."""
    _check_mapping(spec)
    return _moto_update(self, uuid, spec)


@patch(models.LambdaBackend, "create_function")
def create_function(self: models.LambdaBackend, spec: dict[str, Any]) -> models.LambdaFunction:
    """Moto takes a function's dead-letter queue, which would get nothing here."""
    if spec.get("DeadLetterConfig"):
        raise InvalidParameterValueException("the sandbox has on-failure destinations and no DeadLetterConfig")
    return _moto_create_function(self, spec)


@patch(models.LambdaBackend, "put_function_event_invoke_config")
def put_function_event_invoke_config(
    self: models.LambdaBackend, function_name: str, config: dict[str, Any]
) -> dict[str, Any]:
    """Moto takes destinations that would get nothing here: those of successes, and those that are not queues."""
    destinations = config.get("DestinationConfig") or {}
    failure = (destinations.get("OnFailure") or {}).get("Destination", ":sqs:")
    if (destinations.get("OnSuccess") or {}).get("Destination") or ":sqs:" not in failure:
        raise InvalidParameterValueException("the sandbox sends failed events to an SQS queue, and no other record")
    return _moto_put_config(self, function_name, config)


def _check_mapping(spec: dict[str, Any]) -> None:
    ignored = sorted(name for name, value in spec.items() if value and name not in _MAPPING_FIELDS)
    if ignored:
        raise InvalidParameterValueException(f"the sandbox does not keep these settings of a mapping: {ignored}")
