"""CloudFormation's intrinsic functions.

A template is evaluated twice: first without its resources, then with those that exist. The first time, `Ref` and
`Fn::GetAtt` of a resource stay as they are, and so do the functions around them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

NO_VALUE = object()
"""The value of AWS::NoValue, which removes the property or the list item that it is the value of."""

_SUBSTITUTION = re.compile(r"\$\{(!?)([^}]+)\}")


class TemplateError(ValueError):
    """The template or its parameters are wrong. The message is that of CloudFormation's ValidationError."""


class ResourceValues(Protocol):
    """What the functions ask of the resources that exist."""

    def reference(self, logical_id: str) -> Any:
        """Return what `Ref` of the resource is."""

    def attribute(self, logical_id: str, name: str) -> Any:
        """Return what `Fn::GetAtt` of the resource is."""


class Functions:
    """Evaluates nodes of a template.

    values: of parameters and pseudo parameters, by name
    mappings, conditions: those sections of the template
    resources: those that exist; None in the first evaluation
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        mappings: Mapping[str, Any],
        conditions: Mapping[str, Any],
        resources: ResourceValues | None = None,
    ) -> None:
        self._values = values
        self._mappings = mappings
        self._conditions = conditions
        self._resources = resources
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._get_att,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::Split": self._split,
            "Fn::Select": self._select,
        }

    def evaluate(self, node: Any) -> Any:
        """Return the node with all functions replaced by their values, as far as these are known."""
        if isinstance(node, list):
            return [item for item in map(self.evaluate, node) if item is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            name, argument = next(iter(node.items()))
            if name in self._functions:
                return self._functions[name](argument)
            if name.startswith("Fn::"):
                raise TemplateError(f"Template error: the sandbox does not know the function {name}")
        evaluated = {name: self.evaluate(value) for name, value in node.items()}
        return {name: value for name, value in evaluated.items() if value is not NO_VALUE}

    def condition(self, name: str) -> bool:
        """Whether the named condition is true."""
        if name not in self._conditions:
            raise TemplateError(f"Template format error: Unresolved condition {name}")
        return self.holds(self._conditions[name])

    def holds(self, expression: Any) -> bool:
        """Whether an expression of the section Conditions or Rules is true."""
        function, operands = next(iter(expression.items()))
        match function:
            case "Condition":
                return self.condition(operands)
            case "Fn::Not":
                return not self.holds(operands[0])
            case "Fn::And":
                return all(map(self.holds, operands))
            case "Fn::Or":
                return any(map(self.holds, operands))
        first, second = (self.evaluate(operand) for operand in operands)
        match function:
            case "Fn::Equals":
                return text(first) == text(second)
            case "Fn::Contains":
                return text(second) in map(text, first)
            case "Fn::EachMemberIn":
                return {text(member) for member in first} <= {text(member) for member in second}
        raise TemplateError(f"Template error: the sandbox does not know the condition function {function}")

    def _ref(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        return self._resources.reference(name) if self._resources else {"Ref": name}

    def _get_att(self, argument: Any) -> Any:
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else self.evaluate(argument)
        if self._resources:
            return self._resources.attribute(logical_id, attribute)
        return {"Fn::GetAtt": [logical_id, attribute]}

    def _if(self, argument: Any) -> Any:
        condition, when_true, when_false = argument
        return self.evaluate(when_true if self.condition(condition) else when_false)

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = (self.evaluate(part) for part in argument)
        try:
            return self.evaluate(self._mappings[name][text(first)][text(second)])
        except KeyError:
            raise TemplateError(f"Template error: Unable to get mapping for {name}::{first}::{second}") from None

    def _sub(self, argument: Any) -> Any:
        template, variables = argument if isinstance(argument, list) else (argument, {})
        variables = {name: self.evaluate(value) for name, value in variables.items()}

        def substitute(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return "${" + name + "}" if self._resources else match.group(0)
            value = variables[name] if name in variables else self._named(name)
            return match.group(0) if _is_pending(value) else text(value)

        substituted = _SUBSTITUTION.sub(substitute, template)
        if self._resources or not _SUBSTITUTION.search(substituted):
            return substituted
        return {"Fn::Sub": [substituted, {name: value for name, value in variables.items() if _is_pending(value)}]}

    def _named(self, name: str) -> Any:
        """Return what `${name}` stands for: a parameter, a resource or a resource's attribute."""
        return self._get_att(name) if "." in name else self._ref(name)

    def _join(self, argument: Any) -> Any:
        separator, items = argument[0], self.evaluate(argument[1])
        return {"Fn::Join": [separator, items]} if _is_pending(items) else separator.join(map(text, items))

    def _split(self, argument: Any) -> Any:
        separator, whole = argument[0], self.evaluate(argument[1])
        return {"Fn::Split": [separator, whole]} if _is_pending(whole) else whole.split(separator)

    def _select(self, argument: Any) -> Any:
        index, items = self.evaluate(argument[0]), self.evaluate(argument[1])
        return {"Fn::Select": [index, items]} if _is_pending(items) else items[int(index)]


def references(node: Any) -> set[str]:
    """Return the logical ids that an evaluated node refers to by Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(node, list):
        return set().union(*map(references, node))
    if not isinstance(node, dict):
        return set()
    found: set[str] = set()
    for key, value in node.items():
        if key == "Ref":
            found.add(value)
        elif key == "Fn::GetAtt":
            found.add(value[0])
        elif key == "Fn::Sub":
            template, variables = value
            names = {name for literal, name in _SUBSTITUTION.findall(template) if not literal}
            found |= {name.split(".")[0] for name in names - variables.keys()} | references(variables)
        else:
            found |= references(value)
    return found


def text(value: Any) -> str:
    """Return a value as CloudFormation writes it into a text."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(map(text, value))
    return str(value)


def _is_pending(value: Any) -> bool:
    """Whether a value is not known before the resources exist."""
    return isinstance(value, dict) or (isinstance(value, list) and any(map(_is_pending, value)))
