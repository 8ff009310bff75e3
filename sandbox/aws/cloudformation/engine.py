"""A plain template's resources: created each after what it needs, compared on an update, deleted in reverse."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.cloudformation.parsing import get_model_map, resource_name_property_from_type

from sandbox.aws.cloudformation.template import TemplateError, fill, references

# The longest name that CloudFormation generates for a type, where that is shorter than stack and logical id together.
_NAME_LENGTHS = {
    "AWS::IAM::Role": 64,
    "AWS::IAM::ManagedPolicy": 64,
    "AWS::Lambda::Function": 64,
    "AWS::Events::Rule": 64,
    "AWS::S3::Bucket": 63,
    "AWS::SQS::Queue": 75,  # 80 less ".fifo"
}


class ResourceFailure(Exception):  # noqa: N818 - what happened to a resource, by its usual name
    """A resource could not be created, updated or deleted.

    logical_id, resource_type: which
    reason: for the stack's events
    """

    def __init__(self, logical_id: str, resource_type: str, action: str, cause: Exception) -> None:
        self.logical_id = logical_id
        self.resource_type = resource_type
        self.action = action
        message = str(getattr(cause, "message", "") or "")
        # A model of moto's that stumbles over a property raises something like KeyError('Name').
        self.reason = message or f"{type(cause).__name__}: {cause}"
        super().__init__(f"{logical_id} ({resource_type}): {self.reason}")


@dataclass
class Deployed:
    """One resource that exists.

    name: the physical name that the template gave or that was generated
    properties: with every reference resolved, to compare with on an update
    """

    resource_type: str
    resource: Any
    name: str
    properties: dict[str, Any]
    deletion_policy: str

    @property
    def physical_id(self) -> str:
        """What `Ref` of the resource is."""
        return str(getattr(self.resource, "physical_resource_id", None) or self.name)


# (logical id, type, physical id, status, reason)
Report = Callable[[str, str, str, str, str | None], None]


class Resources:
    """The resources of one stack."""

    def __init__(
        self,
        *,
        stack_id: str,
        stack_name: str,
        account_id: str,
        region_name: str,
        exports: Mapping[str, Any],
        report: Report,
    ) -> None:
        self.deployed: dict[str, Deployed] = {}
        self._stack_id = stack_id
        self._stack_name = stack_name
        self._account_id = account_id
        self._region_name = region_name
        self._exports = exports
        self._report = report

    def create(self, definitions: Mapping[str, Any]) -> None:
        """Create all resources; the first that fails raises ResourceFailure and leaves the earlier ones."""
        for logical_id in in_dependency_order(definitions):
            self._attempt("CREATE", logical_id, definitions[logical_id], self._create)

    def update(self, definitions: Mapping[str, Any], *, keep: bool = True) -> None:
        """Make the resources what the definitions say, deleting last what is no longer in them, see `delete`."""
        for logical_id in in_dependency_order(definitions):
            definition = definitions[logical_id]
            if logical_id not in self.deployed:
                self._attempt("CREATE", logical_id, definition, self._create)
            elif self._properties(definition) != self.deployed[logical_id].properties:
                self._attempt("UPDATE", logical_id, definition, self._update)
            else:
                self.deployed[logical_id].deletion_policy = definition.get("DeletionPolicy", "Delete")
        self._delete_all([name for name in self.deployed if name not in definitions], keep=keep)

    def delete(self, *, keep: bool = True) -> None:
        """Delete all resources, less those that their DeletionPolicy keeps.

        keep: False when what created them is rolled back, which `RetainExceptOnCreate` does not survive
        """
        self._delete_all(list(self.deployed), keep=keep)

    def fill(self, node: Any) -> Any:
        """Resolve a node of the template against the resources that exist."""
        return fill(node, self)

    def reference(self, logical_id: str) -> Any:
        """Return what `Ref` of the resource is."""
        return self.deployed[logical_id].physical_id

    def attribute(self, logical_id: str, name: str) -> Any:
        """Return what `Fn::GetAtt` of the resource is, or raise TemplateError."""
        found = self.deployed[logical_id]
        try:
            return found.resource.get_cfn_attribute(name)
        except Exception as error:
            raise TemplateError(
                f"Template error: resource {logical_id} ({found.resource_type}) "
                f"does not support attribute type {name} in Fn::GetAtt"
            ) from error

    def imported(self, name: str) -> Any:
        """Return another stack's exported value, or raise TemplateError."""
        if name not in self._exports:
            raise TemplateError(f"No export named {name} found.")
        return self._exports[name].value

    def _attempt(
        self, action: str, logical_id: str, definition: dict[str, Any], step: Callable[[str, dict[str, Any]], str]
    ) -> None:
        resource_type = definition["Type"]
        try:
            physical_id = step(logical_id, definition)
        except Exception as error:
            failure = ResourceFailure(logical_id, resource_type, action, error)
            self._report(logical_id, resource_type, "", f"{action}_FAILED", failure.reason)
            raise failure from error
        self._report(logical_id, resource_type, physical_id, f"{action}_COMPLETE", None)

    def _properties(self, definition: dict[str, Any]) -> dict[str, Any]:
        properties: dict[str, Any] = self.fill(definition.get("Properties") or {})
        return properties

    def _create(self, logical_id: str, definition: dict[str, Any], name: str | None = None) -> str:
        resource_type = definition["Type"]
        properties = self._properties(definition)
        name = _given_name(resource_type, properties) or name
        name = name or _generate_name(resource_type, self._stack_name, logical_id, properties)
        resource = get_model_map()[resource_type].create_from_cloudformation_json(
            name,
            # A copy: some of moto's models change what they are given.
            {"Type": resource_type, "Properties": copy.deepcopy(properties)},
            self._account_id,
            self._region_name,
            LogicalId=logical_id,
            StackId=self._stack_id,
            ResourceType=resource_type,
        )
        self._keep(logical_id, definition, resource, name, properties)
        return self.deployed[logical_id].physical_id

    def _update(self, logical_id: str, definition: dict[str, Any]) -> str:
        old = self.deployed[logical_id]
        properties = self._properties(definition)
        given = _given_name(definition["Type"], properties)
        model = get_model_map()[definition["Type"]]
        update = model.update_from_cloudformation_json
        if definition["Type"] != old.resource_type or (given and given != old.name):
            self._create(logical_id, definition)
            self._remove(old)
        elif hasattr(update, "__isabstractmethod__"):
            self._remove(old)
            self._create(logical_id, definition, old.name)
        else:
            resource = update(
                original_resource=old.resource,
                new_resource_name=old.name,
                cloudformation_json={"Type": definition["Type"], "Properties": copy.deepcopy(properties)},
                account_id=self._account_id,
                region_name=self._region_name,
            )
            self._keep(logical_id, definition, resource, old.name, properties)
        return self.deployed[logical_id].physical_id

    def _keep(
        self, logical_id: str, definition: dict[str, Any], resource: Any, name: str, properties: dict[str, Any]
    ) -> None:
        # moto's DescribeStackResources reads these two from the resource.
        resource.cf_resource_type = definition["Type"]
        resource.logical_resource_id = logical_id
        if not getattr(resource, "physical_resource_id", None):
            resource.physical_resource_id = name
        self.deployed[logical_id] = Deployed(
            definition["Type"], resource, name, properties, definition.get("DeletionPolicy", "Delete")
        )

    def _delete_all(self, logical_ids: list[str], *, keep: bool) -> None:
        """Delete these, the newest first; what is kept is the stack's no longer."""
        for logical_id in reversed(logical_ids):
            found = self.deployed[logical_id]
            if found.deletion_policy == "Retain" or (keep and found.deletion_policy == "RetainExceptOnCreate"):
                self._report(logical_id, found.resource_type, found.physical_id, "DELETE_SKIPPED", None)
                del self.deployed[logical_id]
            else:
                self._attempt("DELETE", logical_id, {"Type": found.resource_type}, self._delete)

    def _delete(self, logical_id: str, _: dict[str, Any]) -> str:
        found = self.deployed[logical_id]
        self._remove(found)
        del self.deployed[logical_id]
        return found.physical_id

    def _remove(self, found: Deployed) -> None:
        if hasattr(found.resource, "delete"):
            try:
                found.resource.delete(self._account_id, self._region_name)
                return
            except (TypeError, AttributeError):
                # Some of moto's models have another `delete`, not meant for CloudFormation.
                pass
        delete = get_model_map()[found.resource_type].delete_from_cloudformation_json
        if not hasattr(delete, "__isabstractmethod__"):
            definition = {"Type": found.resource_type, "Properties": copy.deepcopy(found.properties)}
            delete(found.physical_id, definition, self._account_id, self._region_name)


def check_types(definitions: Mapping[str, Any]) -> None:
    """Raise TemplateError when a resource's type is one that the sandbox does not have."""
    unknown = sorted({d.get("Type", "") for d in definitions.values()} - set(get_model_map()))
    if unknown:
        raise TemplateError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")


def in_dependency_order(definitions: Mapping[str, Any]) -> list[str]:
    """Return the logical ids, each after those it refers to or depends on."""
    return list(_visit_all(definitions))


def _visit_all(definitions: Mapping[str, Any]) -> Iterator[str]:
    done: set[str] = set()

    def visit(logical_id: str, path: tuple[str, ...]) -> Iterator[str]:
        if logical_id in path:
            raise TemplateError(f"Circular dependency between resources: [{', '.join(path)}]")
        if logical_id in done or logical_id not in definitions:
            return
        definition = definitions[logical_id]
        depends_on = definition.get("DependsOn") or []
        explicit = {depends_on} if isinstance(depends_on, str) else set(depends_on)
        for dependency in sorted(references(definition.get("Properties") or {}) | explicit):
            yield from visit(dependency, (*path, logical_id))
        done.add(logical_id)
        yield logical_id

    for logical_id in definitions:
        yield from visit(logical_id, ())


def _given_name(resource_type: str, properties: Mapping[str, Any]) -> str | None:
    name_property = resource_name_property_from_type(resource_type)
    return properties.get(name_property) if name_property else None


def _generate_name(resource_type: str, stack_name: str, logical_id: str, properties: Mapping[str, Any]) -> str:
    suffix = f"-{secrets.token_hex(6).upper()}"
    name = f"{stack_name}-{logical_id}"[: _NAME_LENGTHS.get(resource_type, 255) - len(suffix)] + suffix
    if resource_type == "AWS::S3::Bucket":
        return name.lower()
    if resource_type == "AWS::SQS::Queue" and str(properties.get("FifoQueue")).lower() == "true":
        return f"{name}.fifo"
    return name
