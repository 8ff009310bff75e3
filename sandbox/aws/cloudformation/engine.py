"""A plain template's resources: each is created after what it needs, compared on an update, and deleted in reverse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sandbox.aws.cloudformation.functions import Functions, TemplateError, references
from sandbox.aws.cloudformation.resource import Resource
from sandbox.aws.cloudformation.resources import TYPES, known_types
from sandbox.aws.cloudformation.template import dependencies


class ResourceFailure(Exception):  # noqa: N818 - what happened to a resource, by its usual name
    """A resource could not be created, updated or deleted. `reason` is for the stack's events."""

    def __init__(self, logical_id: str, resource_type: str, cause: Exception) -> None:
        message = str(getattr(cause, "message", "") or "")
        # A model of moto's that cannot read a property raises something like KeyError('Name').
        self.reason = message or f"{type(cause).__name__}: {cause}"
        super().__init__(f"{logical_id} ({resource_type}): {self.reason}")


# (logical id, type, physical id, status, reason)
Report = Callable[[str, str, str, str, str | None], None]


class Stack:
    """The resources of one stack, by logical id, in the order of their creation."""

    def __init__(self, name: str, report: Report) -> None:
        self.deployed: dict[str, Resource] = {}
        self._name = name
        self._report = report
        self._functions = Functions({}, {}, {}, self)

    def create(self, definitions: Mapping[str, Any]) -> None:
        """Create all resources. The first that fails raises ResourceFailure and leaves the earlier ones."""
        for logical_id in in_dependency_order(definitions):
            self._attempt("CREATE", logical_id, definitions[logical_id], self._create)

    def update(self, definitions: Mapping[str, Any], *, keep: bool = True) -> None:
        """Make the resources what the definitions say. Those that have no definition are deleted last, see `delete`."""
        for logical_id in in_dependency_order(definitions):
            definition = definitions[logical_id]
            if logical_id not in self.deployed:
                self._attempt("CREATE", logical_id, definition, self._create)
            elif self._properties(definition) != self.deployed[logical_id].properties:
                self._attempt("UPDATE", logical_id, definition, self._update)
            self.deployed[logical_id].deletion_policy = definition.get("DeletionPolicy", "Delete")
        self._delete_all([name for name in self.deployed if name not in definitions], keep=keep)

    def delete(self, *, keep: bool = True) -> None:
        """Delete all resources, except those that their DeletionPolicy keeps.

        keep: False when the operation that created them is rolled back, which ends `RetainExceptOnCreate`
        """
        self._delete_all(list(self.deployed), keep=keep)

    def fill(self, node: Any) -> Any:
        """Evaluate a node of the template with the resources that exist."""
        return self._functions.evaluate(node)

    def reference(self, logical_id: str) -> Any:
        """Return what `Ref` of the resource is."""
        return self.deployed[logical_id].physical_resource_id

    def attribute(self, logical_id: str, name: str) -> Any:
        """Return what `Fn::GetAtt` of the resource is, or raise TemplateError."""
        found = self.deployed[logical_id]
        try:
            return found.attribute(name)
        except Exception as error:
            raise TemplateError(
                f"Template error: resource {logical_id} ({found.cf_resource_type}) "
                f"does not support attribute type {name} in Fn::GetAtt"
            ) from error

    def _attempt(
        self, action: str, logical_id: str, definition: dict[str, Any], step: Callable[[str, dict[str, Any]], str]
    ) -> None:
        resource_type = definition["Type"]
        try:
            physical_id = step(logical_id, definition)
        except Exception as error:
            failure = ResourceFailure(logical_id, resource_type, error)
            self._report(logical_id, resource_type, "", f"{action}_FAILED", failure.reason)
            raise failure from error
        self._report(logical_id, resource_type, physical_id, f"{action}_COMPLETE", None)

    def _properties(self, definition: dict[str, Any]) -> dict[str, Any]:
        properties: dict[str, Any] = self.fill(definition.get("Properties") or {})
        return properties

    def _create(self, logical_id: str, definition: dict[str, Any]) -> str:
        resource_type = definition["Type"]
        resource_class = TYPES.get(resource_type, Resource)
        resource = resource_class(logical_id, resource_type, self._name, self._properties(definition))
        resource.create()
        resource.deletion_policy = definition.get("DeletionPolicy", "Delete")
        self.deployed[logical_id] = resource
        return resource.physical_resource_id

    def _update(self, logical_id: str, definition: dict[str, Any]) -> str:
        old = self.deployed[logical_id]
        new = type(old)(logical_id, definition["Type"], self._name, self._properties(definition))
        if new.cf_resource_type != old.cf_resource_type or new.given_name not in (None, old.name):
            self._create(logical_id, definition)
            old.delete()
        else:
            old.update(new.properties)
        return self.deployed[logical_id].physical_resource_id

    def _delete_all(self, logical_ids: list[str], *, keep: bool) -> None:
        """Delete these, the newest first. Resources that are kept leave the stack."""
        for logical_id in reversed(logical_ids):
            found = self.deployed[logical_id]
            if found.deletion_policy == "Retain" or (keep and found.deletion_policy == "RetainExceptOnCreate"):
                self._report(logical_id, found.cf_resource_type, found.physical_resource_id, "DELETE_SKIPPED", None)
                del self.deployed[logical_id]
            else:
                self._attempt("DELETE", logical_id, {"Type": found.cf_resource_type}, self._delete)

    def _delete(self, logical_id: str, _: dict[str, Any]) -> str:
        found = self.deployed[logical_id]
        physical_id = found.physical_resource_id
        found.delete()
        del self.deployed[logical_id]
        return physical_id


def check_types(definitions: Mapping[str, Any]) -> None:
    """Raise TemplateError when the sandbox does not have a resource's type."""
    unknown = sorted({d.get("Type", "") for d in definitions.values()} - known_types())
    if unknown:
        raise TemplateError(f"Template format error: Unrecognized resource types: [{', '.join(unknown)}]")


def in_dependency_order(definitions: Mapping[str, Any]) -> list[str]:
    """Return the logical ids, each after those that it refers to or depends on."""
    return list(_visit_all(definitions))


def _visit_all(definitions: Mapping[str, Any]) -> Iterator[str]:
    done: set[str] = set()

    def visit(logical_id: str, path: tuple[str, ...]) -> Iterator[str]:
        if logical_id in path:
            raise TemplateError(f"Circular dependency between resources: [{', '.join(path)}]")
        if logical_id in done:
            return
        definition = definitions[logical_id]
        for dependency in sorted(references(definition) | dependencies(definition)):
            yield from visit(dependency, (*path, logical_id))
        done.add(logical_id)
        yield logical_id

    for logical_id in definitions:
        yield from visit(logical_id, ())
