"""The template into the local AWS endpoint, with nothing but CloudFormation's own API."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


class DeploymentFailed(Exception):  # noqa: N818 - what happened, by its usual name
    """The stack could not be deployed; the message names each resource that failed, and why."""


def deploy(
    endpoint_url: str,
    template_path: Path,
    stack_name: str,
    parameters: Mapping[str, str] | None = None,
    *,
    region: str = "us-east-1",
) -> dict[str, str]:
    """Create or update a stack from a raw SAM template and return its outputs.

    Raises DeploymentFailed.
    """
    client = boto3.client(
        "cloudformation",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id="deployer",
        aws_secret_access_key="deployer",  # noqa: S106 - the sandbox checks no signature
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    request: dict[str, Any] = {
        "StackName": stack_name,
        "TemplateBody": Path(template_path).read_text(encoding="utf-8"),
        "Parameters": [
            {"ParameterKey": name, "ParameterValue": str(value)} for name, value in (parameters or {}).items()
        ],
        "Capabilities": _CAPABILITIES,
    }
    try:
        if _exists(client, stack_name):
            client.update_stack(**request)
        else:
            client.create_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise DeploymentFailed(f"{stack_name}: {error}") from error
    stack = client.describe_stacks(StackName=stack_name)["Stacks"][0]
    if stack["StackStatus"] not in _DEPLOYED:
        raise DeploymentFailed(f"{stack_name} is {stack['StackStatus']}: {_reasons(client, stack_name)}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _exists(client: Any, stack_name: str) -> bool:
    try:
        client.describe_stacks(StackName=stack_name)
    except ClientError as error:
        if "does not exist" in str(error):
            return False
        raise
    return True


def _reasons(client: Any, stack_name: str) -> str:
    events = client.describe_stack_events(StackName=stack_name)["StackEvents"]
    return "; ".join(
        f"{event['LogicalResourceId']} ({event['ResourceType']}) {event['ResourceStatus']}: "
        f"{event.get('ResourceStatusReason', 'no reason given')}"
        for event in events
        if event["ResourceStatus"].endswith("_FAILED")
    )
