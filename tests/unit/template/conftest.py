"""Fixtures: the template as it is written, and as CloudFormation would resolve it."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.aws.cloudformation.template import PlainTemplate, parse_template, resolve_template
from tests.support import ROOT

PSEUDO_PARAMETERS = {
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::Region": "eu-west-1",
    "AWS::StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/stack/0a1b2c3d-0000-0000-0000-000000000000",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}

PARTITIONS = {
    "aws": {},
    "aws-cn": {"AWS::Partition": "aws-cn", "AWS::Region": "cn-north-1", "AWS::URLSuffix": "amazonaws.com.cn"},
    "aws-us-gov": {"AWS::Partition": "aws-us-gov", "AWS::Region": "us-gov-west-1"},
}
"""For each partition, the pseudo parameters that differ."""

Resolve = Callable[..., PlainTemplate]


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def template_text(root: Path) -> str:
    """The text of template.yaml."""
    return (root / "template.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def template(template_text: str) -> dict[str, Any]:
    """template.yaml as a value. Functions have the long form, such as `{"Fn::GetAtt": ["MessageQueue", "Arn"]}`."""
    return parse_template(template_text)


@pytest.fixture(scope="session")
def resolve(template_text: str) -> Resolve:
    """Return a function that resolves transform, conditions and mappings for the given parameters, in a partition.

    References to resources stay as they are.
    """

    @functools.cache
    def resolved(*, partition: str = "aws", **parameters: str) -> PlainTemplate:
        return resolve_template(template_text, parameters, PSEUDO_PARAMETERS | PARTITIONS[partition])

    return resolved
