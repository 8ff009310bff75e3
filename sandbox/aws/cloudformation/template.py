"""A template's text and its parameters -> a plain template, as CloudFormation's own front end makes it.

What is left in the result needs the resources themselves: their `Ref` and `Fn::GetAtt`, and what is around them.
Parameters, mappings, conditions and the Serverless transform are resolved here, because moto ignores the transform
and compares an update's resources without looking through conditions, mappings and `Fn::Sub`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import boto3
from samtranslator.metrics.metrics import DummyMetricsPublisher, Metrics
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

SERVERLESS_TRANSFORM = "AWS::Serverless-2016-10-31"

# The location that stands for code that was never uploaded: the sandbox runs the function from its sources.
PLACEHOLDER_CODE_URI = "s3://sandbox-placeholder/code.zip"
PLACEHOLDER_CODE = {"ZipFile": "# The sandbox runs the function from its sources."}

_NO_VALUE = object()
_SUBSTITUTION = re.compile(r"\$\{(!?)([^}]+)\}")


class TemplateError(ValueError):
    """The template or its parameters are wrong; the message is what CloudFormation's ValidationError would say."""


@dataclass(frozen=True)
class PlainTemplate:
    """A resolved template.

    parameters: every parameter's value as text, for DescribeStacks
    hidden: names of the parameters with NoEcho
    resources, outputs: as in the template, less those whose condition is false
    """

    description: str | None
    parameters: dict[str, str]
    resources: dict[str, Any]
    outputs: dict[str, Any]
    hidden: frozenset[str] = field(default_factory=frozenset)


class ResourceValues(Protocol):
    """What `fill` asks of the resources that exist so far."""

    def reference(self, logical_id: str) -> Any:
        """Return what `Ref` of the resource is."""

    def attribute(self, logical_id: str, name: str) -> Any:
        """Return what `Fn::GetAtt` of the resource is."""

    def imported(self, name: str) -> Any:
        """Return another stack's exported value."""


def parse_template(text: str) -> dict[str, Any]:
    """Read YAML with CloudFormation's short forms, or JSON."""
    try:
        # The SAM translator's own loader: moto's turns `!Condition` into a function that does not exist.
        template = json.loads(text) if text.lstrip().startswith("{") else yaml_parse(text)
    except Exception as error:
        raise TemplateError(f"Template format error: {error}") from error
    if not isinstance(template, dict) or not template.get("Resources"):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    return template


def resolve_template(text: str, parameters: Mapping[str, str], pseudo_parameters: Mapping[str, str]) -> PlainTemplate:
    """Transform a template and resolve all that does not need its resources.

    parameters: name -> text
    pseudo_parameters: `AWS::Region` and the like -> value
    Raises TemplateError.
    """
    template = parse_template(text)
    declared = template.get("Parameters") or {}
    texts = _parameter_texts(declared, parameters)
    values: dict[str, Any] = {name: _typed(declared[name], value, name) for name, value in texts.items()}
    values |= {**pseudo_parameters, "AWS::NoValue": _NO_VALUE}
    if SERVERLESS_TRANSFORM in _as_list(template.get("Transform")):
        template = _transform_serverless(template, texts, pseudo_parameters["AWS::Region"])
    resolver = _Resolver(values, template.get("Mappings") or {}, template.get("Conditions") or {})
    resources = resolver.section(template["Resources"])
    outputs = resolver.section(template.get("Outputs") or {})
    _check_references(resources, outputs)
    return PlainTemplate(
        description=template.get("Description"),
        parameters=texts,
        resources=resources,
        outputs=outputs,
        hidden=frozenset(name for name, declaration in declared.items() if declaration.get("NoEcho")),
    )


def references(node: Any) -> set[str]:
    """Return the logical ids that a resolved node refers to by Ref, Fn::GetAtt or Fn::Sub."""
    if isinstance(node, list):
        return set().union(*(references(item) for item in node))
    if not isinstance(node, dict):
        return set()
    found: set[str] = set()
    for key, value in node.items():
        if key == "Ref" and isinstance(value, str):
            found.add(value)
        elif key == "Fn::GetAtt":
            found.add(value[0])
        elif key == "Fn::Sub":
            text, variables = value if isinstance(value, list) else (value, {})
            found |= {
                name.split(".")[0]
                for escaped, name in _SUBSTITUTION.findall(text)
                if not escaped and name not in variables
            }
            found |= references(variables)
        else:
            found |= references(value)
    return found


def fill(node: Any, resources: ResourceValues) -> Any:  # noqa: PLR0912 - one branch for each function
    """Replace every Ref, Fn::GetAtt and the functions around them, now that the resources exist."""
    if isinstance(node, list):
        return [fill(item, resources) for item in node]
    if not isinstance(node, dict):
        return node
    if len(node) == 1:
        function, argument = next(iter(node.items()))
        if function == "Ref":
            return resources.reference(argument)
        if function == "Fn::GetAtt":
            return resources.attribute(argument[0], argument[1])
        if function == "Fn::ImportValue":
            return resources.imported(fill(argument, resources))
        if function == "Fn::Sub":
            return _fill_text(argument, resources)
        if function == "Fn::Join":
            return argument[0].join(_text(item) for item in fill(argument[1], resources))
        if function == "Fn::Split":
            return fill(argument[1], resources).split(argument[0])
        if function == "Fn::Select":
            return fill(argument[1], resources)[int(argument[0])]
        if function == "Fn::Base64":
            return base64.b64encode(fill(argument, resources).encode()).decode()
        if function == "Fn::ToJsonString":
            return json.dumps(fill(argument, resources))
        if function.startswith("Fn::"):
            raise TemplateError(f"Template error: the sandbox does not know the function {function}")
    return {key: fill(value, resources) for key, value in node.items()}


def _fill_text(argument: Any, resources: ResourceValues) -> str:
    text, variables = argument if isinstance(argument, list) else (argument, {})

    def substitute(match: re.Match[str]) -> str:
        escaped, name = match.groups()
        if escaped:
            return "${" + name + "}"
        if name in variables:
            return _text(fill(variables[name], resources))
        logical_id, _, attribute = name.partition(".")
        value = resources.attribute(logical_id, attribute) if attribute else resources.reference(logical_id)
        return _text(value)

    return _SUBSTITUTION.sub(substitute, text)


def _parameter_texts(declared: dict[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = sorted(n for n, d in declared.items() if "Default" not in d and n not in given)
    if missing:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    texts = {name: _text(given.get(name, d.get("Default"))) for name, d in declared.items()}
    for name, declaration in declared.items():
        _check_parameter(name, declaration, texts[name])
    return texts


def _check_parameter(name: str, declaration: dict[str, Any], text: str) -> None:
    value = _typed(declaration, text, name)
    # Of a list, each member is checked.
    members = value if isinstance(value, list) else [value]
    problem = next((p for p in (_problem(declaration, member) for member in members) if p), None)
    if problem:
        constraint = declaration.get("ConstraintDescription")
        raise TemplateError(f"Parameter '{name}' {problem}" + (f": {constraint}" if constraint else ""))


def _problem(declaration: dict[str, Any], value: Any) -> str | None:
    text = _text(value)
    allowed = [_text(item) for item in declaration.get("AllowedValues", [text])]
    if text not in allowed:
        return f"must be one of [{', '.join(allowed)}]"
    if not re.fullmatch(declaration.get("AllowedPattern", "(?s).*"), text):
        return f"must match pattern {declaration['AllowedPattern']}"
    if isinstance(value, (int, float)):
        if value < float(declaration.get("MinValue", value)):
            return f"must be a number not less than {declaration['MinValue']}"
        if value > float(declaration.get("MaxValue", value)):
            return f"must be a number not greater than {declaration['MaxValue']}"
    if len(text) < int(declaration.get("MinLength", 0)):
        return f"must contain at least {declaration['MinLength']} characters"
    if len(text) > int(declaration.get("MaxLength", len(text))):
        return f"must contain at most {declaration['MaxLength']} characters"
    return None


def _typed(declaration: dict[str, Any], text: str, name: str) -> Any:
    kind = declaration.get("Type", "String")
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [item.strip() for item in text.split(",")]
    if kind == "Number":
        try:
            return float(text) if "." in text else int(text)
        except ValueError:
            raise TemplateError(f"Parameter '{name}' must be a number") from None
    return text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return str(value)


def _as_list(value: Any) -> list[Any]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _transform_serverless(template: dict[str, Any], texts: dict[str, str], region: str) -> dict[str, Any]:

    placed = _with_uploaded_code(template)
    session = boto3.Session(region_name=region, aws_access_key_id="sandbox", aws_secret_access_key="sandbox")  # noqa: S106 - it signs nothing
    metrics = Metrics("sandbox", DummyMetricsPublisher())
    translator = Translator({}, Parser(), boto_session=session, metrics=metrics)
    try:
        translated: dict[str, Any] = translator.translate(placed, dict(texts))
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise TemplateError(f"Transform {SERVERLESS_TRANSFORM} failed with: {causes}") from error
    finally:
        metrics.publish()  # to nobody; without it the translator complains on standard error
    bucket, key = PLACEHOLDER_CODE_URI.removeprefix("s3://").split("/", 1)
    for resource in translated["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function":
            code = resource["Properties"]["Code"]
            if (code.get("S3Bucket"), code.get("S3Key")) == (bucket, key):
                resource["Properties"]["Code"] = dict(PLACEHOLDER_CODE)
    return translated


def _with_uploaded_code(template: dict[str, Any]) -> dict[str, Any]:
    """Replace code locations that are local paths: `sam package` was not run, and the transform wants S3."""
    template = json.loads(json.dumps(template, default=str))
    function_globals = (template.get("Globals") or {}).get("Function") or {}
    if _is_local(function_globals.get("CodeUri")):
        function_globals["CodeUri"] = PLACEHOLDER_CODE_URI
    for resource in template["Resources"].values():
        properties = resource.get("Properties") or {}
        if resource.get("Type") == "AWS::Serverless::Function" and _is_local(properties.get("CodeUri")):
            properties["CodeUri"] = PLACEHOLDER_CODE_URI
    return template


def _is_local(location: Any) -> bool:
    return isinstance(location, str) and not location.startswith("s3://")


def _check_references(resources: dict[str, Any], outputs: dict[str, Any]) -> None:
    # `DependsOn` may name a resource whose condition is false: CloudFormation drops that dependency.
    for section, nodes in (("resource", resources), ("output", outputs)):
        for name, node in nodes.items():
            unresolved = sorted(references(node) - set(resources))
            if unresolved:
                raise TemplateError(
                    f"Template format error: Unresolved resource dependencies [{', '.join(unresolved)}] "
                    f"in {section} {name} of the template"
                )


class _Resolver:
    """Resolves parameters, mappings and conditions; leaves what needs a resource as it is."""

    def __init__(self, values: Mapping[str, Any], mappings: Mapping[str, Any], conditions: Mapping[str, Any]) -> None:
        self._values = values
        self._mappings = mappings
        self._conditions = conditions

    def section(self, entries: Mapping[str, Any]) -> dict[str, Any]:
        """Resolve a section's entries, less those whose condition is false."""
        resolved = {}
        for name, entry in entries.items():
            condition = entry.get("Condition")
            if condition is None or self._condition(condition):
                resolved[name] = self._resolve({key: value for key, value in entry.items() if key != "Condition"})
        return resolved

    def _condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"Template format error: Unresolved condition {name}")
        return self._holds(self._conditions[name])

    def _holds(self, expression: Any) -> bool:
        operator, operands = next(iter(expression.items()))
        if operator == "Condition":
            return self._condition(operands)
        if operator == "Fn::Equals":
            first, second = (self._resolve(operand) for operand in operands)
            return _text(first) == _text(second)
        if operator == "Fn::Not":
            return not self._holds(operands[0])
        if operator == "Fn::And":
            return all(self._holds(operand) for operand in operands)
        if operator == "Fn::Or":
            return any(self._holds(operand) for operand in operands)
        raise TemplateError(f"Template error: unknown condition function {operator}")

    def _resolve(self, node: Any) -> Any:
        if isinstance(node, list):
            items = (self._resolve(item) for item in node)
            return [item for item in items if item is not _NO_VALUE]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            function, argument = next(iter(node.items()))
            if function == "Ref":
                return self._values.get(argument, node)
            resolve = getattr(self, _FUNCTIONS.get(function, ""), None)
            if resolve is not None:
                return resolve(argument)
        resolved = {key: self._resolve(value) for key, value in node.items()}
        return {key: value for key, value in resolved.items() if value is not _NO_VALUE}

    def _if(self, argument: Any) -> Any:
        condition, when_true, when_false = argument
        return self._resolve(when_true if self._condition(condition) else when_false)

    def _find_in_map(self, argument: Any) -> Any:
        name, first, second = (self._resolve(part) for part in argument[:3])
        try:
            return self._resolve(self._mappings[name][_text(first)][_text(second)])
        except KeyError:
            raise TemplateError(f"Template error: Unable to get mapping for {name}::{first}::{second}") from None

    def _get_att(self, argument: Any) -> Any:
        parts = argument.split(".", 1) if isinstance(argument, str) else self._resolve(argument)
        return {"Fn::GetAtt": parts}

    def _sub(self, argument: Any) -> Any:
        text, variables = argument if isinstance(argument, list) else (argument, {})
        variables = {name: self._resolve(value) for name, value in variables.items()}

        def substitute(match: re.Match[str]) -> str:
            escaped, name = match.groups()
            value = variables.get(name, self._values.get(name))
            if escaped or value is None or isinstance(value, dict):
                return match.group(0)
            return _text(value)

        text = _SUBSTITUTION.sub(substitute, text)
        left = {name: value for name, value in variables.items() if isinstance(value, dict)}
        if not _SUBSTITUTION.search(text):
            return text
        return {"Fn::Sub": [text, left] if left else text}

    def _join(self, argument: Any) -> Any:
        separator, items = argument[0], self._resolve(argument[1])
        if isinstance(items, dict) or any(isinstance(item, dict) for item in items):
            return {"Fn::Join": [separator, items]}
        return separator.join(_text(item) for item in items)

    def _split(self, argument: Any) -> Any:
        separator, text = argument[0], self._resolve(argument[1])
        return {"Fn::Split": [separator, text]} if isinstance(text, dict) else text.split(separator)

    def _select(self, argument: Any) -> Any:
        index, items = argument[0], self._resolve(argument[1])
        if isinstance(items, dict) or any(isinstance(item, dict) for item in items):
            return {"Fn::Select": [index, items]}
        return items[int(self._resolve(index))]


_FUNCTIONS = {
    "Fn::If": "_if",
    "Fn::FindInMap": "_find_in_map",
    "Fn::GetAtt": "_get_att",
    "Fn::Sub": "_sub",
    "Fn::Join": "_join",
    "Fn::Split": "_split",
    "Fn::Select": "_select",
}
