"""Lambda: the record of an event source mapping."""

from __future__ import annotations

from moto.awslambda import models

from sandbox.aws.moto_patches.invocation import function_name as name_of
from sandbox.aws.moto_patches.registry import patch

_moto_list = models.LambdaBackend.list_event_source_mappings


@patch(models.LambdaBackend, "list_event_source_mappings")
def list_event_source_mappings(
    self: models.LambdaBackend, event_source_arn: str, function_name: str
) -> list[models.EventSourceMapping]:
    """Moto finds a mapping only by the function's name as it was given when the mapping was made: name or ARN."""
    found = list(_moto_list(self, event_source_arn, ""))
    if function_name:
        found = [mapping for mapping in found if name_of(mapping.function_arn) == name_of(function_name)]
    return found
