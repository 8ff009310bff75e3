"""A template's text and its parameters -> a plain template.

In a plain template, parameters, mappings, conditions and the Serverless transform are resolved. Only `Ref` and
`Fn::GetAtt` of resources are left, and the functions around them. moto ignores the transform, and compares the
resources of an update without looking through conditions, mappings and `Fn::Sub`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from samtranslator.metrics.metrics import DummyMetricsPublisher, Metrics
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

from sandbox.aws.callers import REGION
from sandbox.aws.cloudformation.functions import NO_VALUE, Functions, TemplateError, references
from sandbox.aws.cloudformation.parameters import check_rules, parameter_texts, typed

SERVERLESS_TRANSFORM = "AWS::Serverless-2016-10-31"

# The sandbox runs the function from its sources. This location stands for code that was not uploaded.
_PLACEHOLDER_CODE_URI = "s3://sandbox-placeholder/code.zip"
_PLACEHOLDER_LOCATION = {"S3Bucket": "sandbox-placeholder", "S3Key": "code.zip"}
_PLACEHOLDER_CODE = {"ZipFile": "# The sandbox runs the function from its sources."}


@dataclass(frozen=True)
class PlainTemplate:
    """A resolved template.

    parameters: every parameter's value as text, for DescribeStacks
    hidden: names of the parameters with NoEcho
    resources, outputs: as in the template, without those that are not created
    """

    description: str | None
    parameters: dict[str, str]
    resources: dict[str, Any]
    outputs: dict[str, Any]
    hidden: frozenset[str]


def parse_template(content: str) -> dict[str, Any]:
    """Read YAML with CloudFormation's short forms, or JSON. Raises TemplateError."""
    try:
        # This is the SAM translator's loader. moto's turns `!Condition` into a function that does not exist.
        template = json.loads(content) if content.lstrip().startswith("{") else yaml_parse(content)
    except Exception as error:
        raise TemplateError(f"Template format error: {error}") from error
    if not isinstance(template, dict) or not template.get("Resources"):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    plain: dict[str, Any] = json.loads(json.dumps(template, default=str))  # YAML reads a version as a date
    return plain


def resolve_template(content: str, parameters: Mapping[str, str], pseudo: Mapping[str, str]) -> PlainTemplate:
    """Transform a template and resolve everything that does not need its resources.

    parameters: name -> text
    pseudo: `AWS::Region` and the like -> value
    Raises TemplateError.
    """
    template = parse_template(content)
    declared = template.get("Parameters") or {}
    texts = parameter_texts(declared, parameters)
    values: dict[str, Any] = {name: typed(declared[name], value, name) for name, value in texts.items()}
    values |= {**pseudo, "AWS::NoValue": NO_VALUE}
    if SERVERLESS_TRANSFORM in (template.get("Transform") or ""):
        template = _transform_serverless(template, texts)
    functions = Functions(values, template.get("Mappings") or {}, template.get("Conditions") or {})
    check_rules(template.get("Rules") or {}, functions)
    resources = _without_dependents(_section(template["Resources"], functions), template["Resources"])
    outputs = _section(template.get("Outputs") or {}, functions)
    _check_references(resources, outputs)
    return PlainTemplate(
        description=template.get("Description"),
        parameters=texts,
        resources=resources,
        outputs=outputs,
        hidden=frozenset(name for name, declaration in declared.items() if declaration.get("NoEcho")),
    )


def dependencies(definition: Mapping[str, Any]) -> set[str]:
    """Return the logical ids that a resource names in DependsOn."""
    named = definition.get("DependsOn") or []
    return {named} if isinstance(named, str) else set(named)


def _section(entries: Mapping[str, Any], functions: Functions) -> dict[str, Any]:
    """Evaluate the entries of a section, without those whose condition is false."""
    return {
        name: functions.evaluate({key: value for key, value in entry.items() if key != "Condition"})
        for name, entry in entries.items()
        if "Condition" not in entry or functions.condition(entry["Condition"])
    }


def _without_dependents(created: dict[str, Any], declared: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out each resource that depends on a resource which is not created.

    Source: "Condition attribute" in the CloudFormation Template Reference. If a condition is false, CloudFormation
    creates neither the resource nor the resources that depend on it.
    """
    for name, definition in created.items():
        if (dependencies(definition) & declared.keys()) - created.keys():
            return _without_dependents({n: d for n, d in created.items() if n != name}, declared)
    return created


def _check_references(resources: dict[str, Any], outputs: dict[str, Any]) -> None:
    for section, nodes in (("resource", resources), ("output", outputs)):
        for name, node in nodes.items():
            unresolved = sorted((references(node) | dependencies(node)) - resources.keys())
            if unresolved:
                raise TemplateError(
                    f"Template format error: Unresolved resource dependencies [{', '.join(unresolved)}] "
                    f"in {section} {name} of the template"
                )


def _transform_serverless(template: dict[str, Any], texts: dict[str, str]) -> dict[str, Any]:
    """Replace SAM's resources by those that they stand for."""
    _place_code(template)
    session = boto3.Session(region_name=REGION, aws_access_key_id="sandbox", aws_secret_access_key="sandbox")  # noqa: S106 - it signs nothing
    metrics = Metrics("sandbox", DummyMetricsPublisher())
    translator = Translator({}, Parser(), boto_session=session, metrics=metrics)
    try:
        translated: dict[str, Any] = translator.translate(template, dict(texts))
    except InvalidDocumentException as error:
        causes = "; ".join(cause.message for cause in error.causes)
        raise TemplateError(f"Transform {SERVERLESS_TRANSFORM} failed with: {causes}") from error
    finally:
        metrics.publish()  # to nobody; the translator complains on standard error when it is left out
    for resource in translated["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Function" and resource["Properties"]["Code"] == _PLACEHOLDER_LOCATION:
            resource["Properties"]["Code"] = dict(_PLACEHOLDER_CODE)
    return translated


def _place_code(template: dict[str, Any]) -> None:
    """Replace code locations that are local paths. `sam package` would upload them, and the transform demands S3."""
    resources = template["Resources"].values()
    functions = [r.get("Properties") or {} for r in resources if r.get("Type") == "AWS::Serverless::Function"]
    for function in [*functions, (template.get("Globals") or {}).get("Function") or {}]:
        location = function.get("CodeUri")
        if isinstance(location, str) and not location.startswith("s3://"):
            function["CodeUri"] = _PLACEHOLDER_CODE_URI
