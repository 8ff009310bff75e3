# ruff: noqa: D102 - the methods are those of moto's classes.
"""CloudFormation: stacks and change sets that go through our engine instead of moto's parser."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from typing import Any

from moto.cloudformation import models
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.s3.models import s3_backends

from sandbox.aws.cloudformation import engine
from sandbox.aws.cloudformation.engine import ResourceFailure, check_types
from sandbox.aws.cloudformation.functions import TemplateError
from sandbox.aws.cloudformation.template import PlainTemplate, parse_template, resolve_template
from sandbox.aws.moto_patches.registry import patch

_moto_create_change_set = models.CloudFormationBackend.create_change_set
_moto_template_from_url = CloudFormationResponse._get_stack_from_s3_url
_moto_get_param = CloudFormationResponse._get_param

# "CloudFormation quotas" in the AWS CloudFormation User Guide: a template in a request, and one in S3.
_MOST_BYTES_IN_REQUEST = 51_200
_MOST_BYTES_IN_S3 = 1024 * 1024


# The names of both classes are moto's, because moto derives the fields of its answers from them.
@patch(models, "Stack")
class Stack(models.Stack):
    """Resolves its template and makes its resources with `sandbox.aws.cloudformation`.

    moto ignores the Serverless transform and the section Rules, and skips resource types that it does not know. It
    compares an update without looking through conditions, mappings and Fn::Sub. It answers a resource that fails with a
    500 and no rollback.
    """

    def __init__(self, *, stack_id: str, name: str, template: Any, parameters: dict[str, str], **options: Any) -> None:
        # moto's own parser gets an empty template, because everything that it would make of it is made here.
        super().__init__(stack_id, name, {}, dict(parameters), **options)
        self.template = template
        self.plain = PlainTemplate(None, {}, {}, {}, frozenset())
        self.resources = engine.Stack(name, self._report)
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
        """Create all resources. If one fails, delete those that were created and end in ROLLBACK_COMPLETE."""
        self._become("CREATE_IN_PROGRESS", "User Initiated")
        try:
            self.resources.create(self.plain.resources)
            self._outputs = self._filled_outputs(self.plain)
        except (ResourceFailure, TemplateError) as error:
            self._become("ROLLBACK_IN_PROGRESS", f"{error}. Rollback requested by user.")
            self._roll_back("ROLLBACK", PlainTemplate(None, {}, {}, {}, frozenset()))
        else:
            self.parameters = self.plain.parameters
            self._become("CREATE_COMPLETE")

    def update(
        self,
        template: str,
        role_arn: str | None = None,
        parameters: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> None:
        """Update all resources. If one fails, restore the template before and end in UPDATE_ROLLBACK_COMPLETE."""
        plain = self.resolve(template, parameters or {})
        self._become("UPDATE_IN_PROGRESS", "User Initiated")
        try:
            self.resources.update(plain.resources)
            outputs = self._filled_outputs(plain)
        except (ResourceFailure, TemplateError) as error:
            self._become("UPDATE_ROLLBACK_IN_PROGRESS", str(error))
            self._roll_back("UPDATE_ROLLBACK", self.plain)
        else:
            self.template, self.plain, self._outputs = template, plain, outputs
            self.parameters = plain.parameters
            self.role_arn = role_arn
            self.tags = self.tags if tags is None else tags
            self._become("UPDATE_COMPLETE")

    def delete(self) -> None:
        """Delete everything that the template's deletion policies do not keep."""
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
        # moto calls this after `has_template`, so both sets of parameters belong to the same template.
        return self.plain.parameters == self.resolve(self.template, other_parameters).parameters  # type: ignore[arg-type] # moto: str | dict

    @property
    def parameter_list(self) -> list[dict[str, Any]]:
        return [
            {"ParameterKey": name, "ParameterValue": "****" if name in self.plain.hidden else value}
            for name, value in self.plain.parameters.items()
        ]

    @property
    def stack_parameters(self) -> dict[str, Any]:
        return dict(self.plain.parameters)

    @property
    def stack_resources(self) -> list[Any]:
        return list(self.resources.deployed.values())

    @property
    def outputs(self) -> list[dict[str, Any]] | None:
        return self._outputs or None

    @property
    def exports(self) -> list[Any]:
        return []

    @property
    def template_description(self) -> str | None:
        return self.plain.description

    def _filled_outputs(self, plain: PlainTemplate) -> list[dict[str, Any]]:
        if exported := [key for key, output in plain.outputs.items() if "Export" in output]:
            raise TemplateError(f"the sandbox exports no outputs: {exported}")
        return [
            {
                "OutputKey": key,
                "OutputValue": str(self.resources.fill(output["Value"])),
                "Description": output.get("Description"),
                "ExportName": None,
            }
            for key, output in plain.outputs.items()
        ]

    def _roll_back(self, operation: str, before: PlainTemplate) -> None:
        try:
            self.resources.update(before.resources, keep=False)
        except (ResourceFailure, TemplateError) as error:
            self._become(f"{operation}_FAILED", str(error))
        else:
            self._become(f"{operation}_COMPLETE")

    def _become(self, status: str, reason: str | None = None) -> None:
        self.status = status
        self.stack_status_reason = reason
        self._add_stack_event(status, resource_status_reason=reason)

    def _report(self, logical_id: str, resource_type: str, physical_id: str, status: str, reason: str | None) -> None:
        event = (self.stack_id, self.name, logical_id, physical_id, resource_type, status, reason, None)
        self.events.append(models.Event(*event))


@patch(models, "ChangeSet")
class ChangeSet(models.ChangeSet):
    """moto's change sets see the untransformed template. One that is executed leaves a stack without outputs."""

    stack: Stack

    def _parse_template(self) -> None:
        self.plain = self.stack.resolve(self.template, self.parameters)

    def diff(self) -> list[models.Change]:
        return list(self._changes())

    def _changes(self) -> Iterator[models.Change]:
        old, new = self.stack.plain.resources, self.plain.resources
        for logical_id, definition in new.items():
            if logical_id not in old:
                yield models.Change("Add", logical_id, definition["Type"])
            elif definition != old[logical_id]:
                yield models.Change("Modify", logical_id, definition["Type"])
        for logical_id in old.keys() - new.keys():
            yield models.Change("Remove", logical_id, old[logical_id]["Type"])

    def apply(self) -> None:
        if self.change_set_type == "CREATE":
            self.stack.template, self.stack.plain = self.template, self.plain
            self.stack.create_resources()
        else:
            self.stack.update(self.template, self.role_arn, self.parameters, self.tags)


@patch(models.CloudFormationBackend, "create_change_set")
def create_change_set(
    self: models.CloudFormationBackend, stack_name: str, *args: Any, **options: Any
) -> tuple[str, str]:
    """Moto makes a second stack of the same name for a second CREATE change set, also when the template is wrong."""
    if options.get("change_set_type") == "CREATE":
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
    """Moto reports every executed change set as complete, also one that failed."""
    change_set: Any = self.describe_change_set(change_set_name)
    change_set.apply()
    failed = "ROLLBACK" in change_set.stack.status
    change_set.execution_status = "EXECUTE_FAILED" if failed else "EXECUTE_COMPLETE"


@patch(CloudFormationResponse, "_get_param")
def get_param(self: CloudFormationResponse, name: str, *default: Any) -> Any:
    """Moto takes a template of any size in a request. AWS takes 51,200 bytes; a larger template must come from S3."""
    value = _moto_get_param(self, name, *default)
    if name == "TemplateBody" and value and len(value.encode()) > _MOST_BYTES_IN_REQUEST:
        raise ValidationError(
            message=f"1 validation error detected: Value '{value[:100]}...' at 'templateBody' failed to satisfy "
            f"constraint: Member must have length less than or equal to {_MOST_BYTES_IN_REQUEST}"
        )
    return value


@patch(CloudFormationResponse, "_get_stack_from_s3_url")
def template_from_url(self: CloudFormationResponse, template_url: str) -> str:
    """Moto looks for a template at amazonaws.com unless the host of its URL is called localhost."""
    url = urllib.parse.urlparse(template_url)
    if url.hostname == "127.0.0.1":
        bucket, _, key = url.path.lstrip("/").partition("/")
        found = s3_backends[self.current_account][self.partition].get_object(bucket, urllib.parse.unquote(key))
        if found is None:
            raise ValidationError(message=f"S3 error: there is no object {key} in the bucket {bucket}")
        template = found.value.decode()
    else:
        template = _moto_template_from_url(self, template_url)
    if len(template.encode()) > _MOST_BYTES_IN_S3:
        raise ValidationError(message=f"Template may not exceed {_MOST_BYTES_IN_S3} bytes in size.")
    return template
