"""The template fits every partition of AWS: names that differ between them are right."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

REGIONS = {"aws": "eu-west-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
partitions = pytest.mark.parametrize("partition", REGIONS)


def _key(partition: str) -> str:
    return f"arn:{partition}:kms:{REGIONS[partition]}:123456789012:key/0a1b2c3d"


@partitions
def test_every_arn_is_of_the_partition(resolve: Any, partition: str) -> None:
    """No resource has an ARN of another partition."""
    plain = resolve(partition=partition, KmsKeyArn=_key(partition), EventBridgeTarget="function")
    found = set(re.findall(r"arn:([a-z-]+):", json.dumps([plain.resources, plain.outputs])))

    assert found == {partition}


@partitions
@pytest.mark.parametrize("service", ["dynamodb", "lambda", "secretsmanager", "sqs"])
@pytest.mark.parametrize("suffix", ["amazonaws.com", "amazonaws.com.cn"])
def test_the_function_may_use_the_key_through_its_services(
    resolve: Any, partition: str, service: str, suffix: str
) -> None:
    """The condition matches the service's name with both domains, and in its own region only."""
    resources = resolve(partition=partition, KmsKeyArn=_key(partition)).resources
    (statement,) = [
        statement
        for policy in resources["SendMessageFunctionRole"]["Properties"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Resource"] == _key(partition)
    ]
    patterns = statement["Condition"]["StringLike"]["kms:ViaService"]

    assert any(fnmatchcase(f"{service}.{REGIONS[partition]}.{suffix}", pattern) for pattern in patterns)
    assert not any(fnmatchcase(f"{service}.ap-south-1.{suffix}", pattern) for pattern in patterns)


@pytest.mark.parametrize(
    ("partition", "host"),
    [
        ("aws", "console.aws.amazon.com"),
        ("aws-cn", "console.amazonaws.cn"),
        ("aws-us-gov", "console.amazonaws-us-gov.com"),
    ],
)
def test_the_dashboards_address_is_that_of_the_partitions_console(resolve: Any, partition: str, host: str) -> None:
    """Each partition has a console with another host."""
    url = json.dumps(resolve(partition=partition).outputs["DashboardUrl"]["Value"])

    assert f"https://{host}/cloudwatch/home?region={REGIONS[partition]}#dashboards/dashboard/" in url
