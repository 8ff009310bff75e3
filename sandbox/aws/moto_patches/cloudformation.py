# ruff: noqa: D102, PLR0917, S101 - the methods, and their positional arguments, are those of moto's classes; the asserts
# tell mypy what moto's order of calls makes certain.
"""CloudFormation: stacks and change sets that go through our engine instead of moto's parser."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from typing import Any

from moto.cloudformation import models
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.parsing import Export
from moto.cloudformation.responses import CloudFormationResponse
from moto.s3.models import s3_backends

from sandbox.aws.cloudformation.engine import ResourceFailure, Resources, check_types
from sandbox.aws.cloudformation.template import PlainTemplate, TemplateError, parse_template, resolve_template
from sandbox.aws.moto_patches.registry import patch

_moto_create_change_set = models.CloudFormationBackend.create_change_set
_moto_template_from_url = CloudFormationResponse._get_stack_from_s3_url


# The names of both classes are moto's: it derives the fields of its answers from them.
@patch(models, "Stack")
class Stack(models.Stack):
    """Resolves its template and makes its resources with `sandbox.aws.cloudformation`.

    moto ignores the Serverless transform, skips resource types that it does not know, compares an update without
    looking through conditions, mappings and Fn::Sub, and answers a resource that fails with a 500 and no rollback.
    Here `sandbox.aws.cloudformation` resolves the template and makes the resources.
    """

    def __init__(
        self,
        stack_id: str,
        name: str,
        template: Any,
        parameters: dict[str, str],
        account_id: str,
        region_name: str,
        **options: Any,
    ) -> None:
        # moto's own parser sees an empty template: all that it would make of it is ours.
        super().__init__(stack_id, name, {}, dict(parameters), account_id, region_name, **options)
        backend = models.cloudformation_backends[account_id][region_name]
        self.template = template
        self.plain: PlainTemplate | None = None
        self.resources = Resources(
            stack_id=stack_id,
            stack_name=name,
            account_id=account_id,
            region_name=region_name,
            exports=backend.exports,
            report=self._report,
        )
        self._exports = backend.exports
        self._outputs: list[dict[str, Any]] = []
        if template:
            self.plain = self.resolve(template, parameters)

    def resolve(self, template: str, parameters: dict[str, str]) -> PlainTemplate:
        """Resolve a template for this stack, or raise moto's ValidationError."""
        pseudo_parameters = {
            "AWS::AccountId": self.account_id,
            "AWS::Region": self.region_name,
            "AWS::StackId": self.stack_id,
            "AWS::StackName": self.name,
            "AWS::URLSuffix": "amazonaws.com",
            "AWS::Partition": "aws",
        }
        try:
            plain = resolve_template(template, parameters, pseudo_parameters)
            check_types(plain.resources)
        except TemplateError as error:
            raise ValidationError(message=str(error)) from error
        return plain

    def create_resources(self) -> None:
        """Create all resources, or delete those that were and end in ROLLBACK_COMPLETE."""
        assert self.plain is not None
        self._become("CREATE_IN_PROGRESS", "User Initiated")
        try:
            self.resources.create(self.plain.resources)
            self._publish()
        except (ResourceFailure, TemplateError) as error:
            self._become("ROLLBACK_IN_PROGRESS", f"{error}. Rollback requested by user.")
            self._roll_back_creation()
        else:
            self._adopt(self.template, self.plain)
            self._become("CREATE_COMPLETE")

    def update(
        self,
        template: str,
        role_arn: str | None = None,
        parameters: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Update all resources, or go back to the template before and end in UPDATE_ROLLBACK_COMPLETE."""
        plain = self.resolve(template, parameters or {})
        old = self.plain
        self._become("UPDATE_IN_PROGRESS", "User Initiated")
        try:
            self.resources.update(plain.resources)
            self.plain = plain
            self._publish()
        except (ResourceFailure, TemplateError) as error:
            self._become("UPDATE_ROLLBACK_IN_PROGRESS", str(error))
            self.plain = old
            self._roll_back_update(old)
        else:
            self._adopt(template, plain)
            self.role_arn = role_arn
            if tags is not None:
                self.tags = tags
            self._become("UPDATE_COMPLETE")

    def delete(self) -> None:
        """Delete what the template's deletion policies do not keep."""
        self._become("DELETE_IN_PROGRESS", "User Initiated")
        try:
            self.resources.delete()
        except ResourceFailure as error:
            self._become("DELETE_FAILED", str(error))
            raise ValidationError(message=str(error)) from error
        self._become("DELETE_COMPLETE")

    def has_template(self, other_template: str) -> bool:
        return bool(self.template) and parse_template(self.template) == parse_template(other_template)  # type: ignore[arg-type] # moto: str | dict

    def has_parameters(self, other_parameters: dict[str, Any]) -> bool:
        # Called after `has_template`, so that both sets of parameters belong to the same template.
        other = self.resolve(self.template, other_parameters)  # type: ignore[arg-type] # moto: str | dict
        return self.plain is not None and self.plain.parameters == other.parameters

    @property
    def parameter_list(self) -> list[dict[str, Any]]:
        if self.plain is None:
            return []
        hidden = self.plain.hidden
        return [
            {"ParameterKey": name, "ParameterValue": "****" if name in hidden else value}
            for name, value in self.plain.parameters.items()
        ]

    @property
    def stack_parameters(self) -> dict[str, Any]:
        return dict(self.plain.parameters) if self.plain else {}

    @property
    def stack_resources(self) -> list[Any]:
        return [found.resource for found in self.resources.deployed.values()]

    @property
    def outputs(self) -> list[dict[str, Any]] | None:
        return self._outputs or None

    @property
    def exports(self) -> list[Export]:
        return [
            Export(self.stack_id, output["ExportName"], output["OutputValue"])
            for output in self._outputs
            if output["ExportName"]
        ]

    @property
    def template_description(self) -> str | None:
        return self.plain.description if self.plain else None

    def _adopt(self, template: Any, plain: PlainTemplate) -> None:
        self.template = template
        self.plain = plain
        self.parameters = dict(plain.parameters)
        self.description = plain.description

    def _publish(self) -> None:
        """Resolve every output, and export those that say so."""
        assert self.plain is not None
        self._outputs = [self._output(key, output) for key, output in self.plain.outputs.items()]
        exports = self.exports
        for export in exports:
            held = self._exports.get(export.name)
            if held is not None and held.exporting_stack_id != self.stack_id:
                raise TemplateError(f"Export with name {export.name} is already exported by another stack")
        self._exports.update({export.name: export for export in exports})

    def _output(self, key: str, output: dict[str, Any]) -> dict[str, Any]:
        filled = self.resources.fill(output)
        return {
            "OutputKey": key,
            "OutputValue": str(filled["Value"]),
            "Description": output.get("Description"),
            "ExportName": (filled.get("Export") or {}).get("Name"),
        }

    def _roll_back_creation(self) -> None:
        self._outputs = []
        try:
            self.resources.delete(keep=False)
        except ResourceFailure as error:
            self._become("ROLLBACK_FAILED", str(error))
        else:
            self._become("ROLLBACK_COMPLETE")

    def _roll_back_update(self, old: PlainTemplate | None) -> None:
        try:
            self.resources.update(old.resources if old else {}, keep=False)
        except (ResourceFailure, TemplateError) as error:
            self._become("UPDATE_ROLLBACK_FAILED", str(error))
        else:
            self._become("UPDATE_ROLLBACK_COMPLETE")

    def _become(self, status: str, reason: str | None = None) -> None:
        self.status = status
        self.stack_status_reason = reason
        self._add_stack_event(status, resource_status_reason=reason)

    def _report(self, logical_id: str, resource_type: str, physical_id: str, status: str, reason: str | None) -> None:
        self.events.append(
            models.Event(
                stack_id=self.stack_id,
                stack_name=self.name,
                logical_resource_id=logical_id,
                physical_resource_id=physical_id,
                resource_type=resource_type,
                resource_status=status,
                resource_status_reason=reason,
                resource_properties=None,
            )
        )


@patch(models, "ChangeSet")
class ChangeSet(models.ChangeSet):
    """moto's change sets see the untransformed template, and one that is executed leaves a stack without outputs."""

    def _parse_template(self) -> None:
        stack: Any = self.stack
        self.plain: PlainTemplate = stack.resolve(self.template, self.parameters)

    def diff(self) -> list[models.Change]:
        return list(self._changes())

    def _changes(self) -> Iterator[models.Change]:
        stack: Any = self.stack
        old = stack.plain.resources if stack.plain else {}
        new = self.plain.resources
        for logical_id, definition in new.items():
            if logical_id not in old:
                yield models.Change("Add", logical_id, definition["Type"])
            elif definition != old[logical_id]:
                yield models.Change("Modify", logical_id, definition["Type"])
        for logical_id in old.keys() - new.keys():
            yield models.Change("Remove", logical_id, old[logical_id]["Type"])

    def apply(self) -> None:
        stack: Any = self.stack
        if self.change_set_type == "CREATE":
            stack.template, stack.plain = self.template, self.plain
            stack.create_resources()
        else:
            stack.update(self.template, self.role_arn, self.parameters, self.tags)


@patch(models.CloudFormationBackend, "create_change_set")
def create_change_set(
    self: models.CloudFormationBackend, stack_name: str, *args: Any, **options: Any
) -> tuple[str, str]:
    """Moto makes a second stack of the same name for a second CREATE change set, also when the template is wrong."""
    kind = options.get("change_set_type")
    if kind == "CREATE":
        for stack in [s for s in self.stacks.values() if s.name == stack_name]:
            if stack.status != "REVIEW_IN_PROGRESS":
                raise ValidationError(message=f"Stack [{stack_name}] already exists and cannot be created again")
            del self.stacks[stack.stack_id]
    before = set(self.stacks)
    try:
        return _moto_create_change_set(self, stack_name, *args, **options)
    except Exception:
        for stack_id in set(self.stacks) - before:
            del self.stacks[stack_id]
        raise


@patch(models.CloudFormationBackend, "execute_change_set")
def execute_change_set(self: models.CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:  # noqa: ARG001 - moto's
    """Moto reports an executed change set as complete whatever became of it."""
    change_set = self.describe_change_set(change_set_name)
    assert change_set is not None
    change_set.apply()
    failed = "ROLLBACK" in change_set.stack.status
    change_set.execution_status = "EXECUTE_FAILED" if failed else "EXECUTE_COMPLETE"


@patch(CloudFormationResponse, "_get_stack_from_s3_url")
def template_from_url(self: CloudFormationResponse, template_url: str) -> str:
    """Moto takes a template's URL on this endpoint for one on amazonaws.com, unless the host is called localhost."""
    url = urllib.parse.urlparse(template_url)
    if url.hostname != "127.0.0.1":
        return _moto_template_from_url(self, template_url)
    bucket, _, key = url.path.lstrip("/").partition("/")
    found = s3_backends[self.current_account][self.partition].get_object(bucket, urllib.parse.unquote(key))
    if found is None:
        raise ValidationError(message=f"S3 error: there is no object {key} in the bucket {bucket}")
    return found.value.decode()
