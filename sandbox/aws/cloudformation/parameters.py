"""The parameters of a template: their values, checked by their declarations and by the section Rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.aws.cloudformation.functions import Functions, TemplateError, text


def parameter_texts(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """Return the text of every declared parameter: given, or its default. Raises TemplateError."""
    unknown = sorted(given.keys() - declared.keys())
    if unknown:
        raise TemplateError(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = sorted(n for n, d in declared.items() if "Default" not in d and n not in given)
    if missing:
        raise TemplateError(f"Parameters: [{', '.join(missing)}] must have values")
    texts = {name: text(given.get(name, d.get("Default"))) for name, d in declared.items()}
    for name, declaration in declared.items():
        value = typed(declaration, texts[name], name)
        # Each member of a list is checked.
        for member in value if isinstance(value, list) else [value]:
            if problem := _problem(declaration, member):
                constraint = declaration.get("ConstraintDescription")
                raise TemplateError(f"Parameter '{name}' {problem}" + (f": {constraint}" if constraint else ""))
    return texts


def typed(declaration: Mapping[str, Any], value: str, name: str) -> Any:
    """Return a parameter's value in the type of its declaration."""
    kind = declaration.get("Type", "String")
    if kind == "CommaDelimitedList" or kind.startswith("List<"):
        return [item.strip() for item in value.split(",")]
    if kind == "Number":
        try:
            return float(value) if "." in value else int(value)
        except ValueError:
            raise TemplateError(f"Parameter '{name}' must be a number") from None
    return value


def check_rules(rules: Mapping[str, Any], functions: Functions) -> None:
    """Raise TemplateError when the parameters break a rule. The message names each broken rule and says why."""
    broken = [
        f"{name}: {assertion.get('AssertDescription', 'the assertion is false')}"
        for name, rule in rules.items()
        if "RuleCondition" not in rule or functions.holds(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not functions.holds(assertion["Assert"])
    ]
    if broken:
        raise TemplateError(f"Template validation error: the parameters break the rules of the template: {broken}")


def _problem(declaration: Mapping[str, Any], value: Any) -> str | None:
    content = text(value)
    allowed = [text(item) for item in declaration.get("AllowedValues", [content])]
    if content not in allowed:
        return f"must be one of [{', '.join(allowed)}]"
    if not re.fullmatch(declaration.get("AllowedPattern", "(?s).*"), content):
        return f"must match pattern {declaration['AllowedPattern']}"
    if isinstance(value, (int, float)):
        if value < float(declaration.get("MinValue", value)):
            return f"must be a number not less than {declaration['MinValue']}"
        if value > float(declaration.get("MaxValue", value)):
            return f"must be a number not greater than {declaration['MaxValue']}"
    if len(content) < int(declaration.get("MinLength", 0)):
        return f"must contain at least {declaration['MinLength']} characters"
    if len(content) > int(declaration.get("MaxLength", len(content))):
        return f"must contain at most {declaration['MaxLength']} characters"
    return None
