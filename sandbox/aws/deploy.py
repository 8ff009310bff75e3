"""Deploys a template on the local AWS endpoint with CloudFormation's own API, as `sam deploy` does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sandbox.aws.callers import DEPLOYER_ACCESS_KEY_ID, client

_CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_DEPLOYED = ("CREATE_COMPLETE", "UPDATE_COMPLETE")
_BUCKET = "sandbox-templates"


class DeploymentFailed(Exception):  # noqa: N818 - what happened, by its usual name
    """The stack could not be deployed. The message names each resource that failed, and why."""


def deploy(endpoint_url: str, template_path: Path, stack_name: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Create or update a stack from a raw SAM template and return its outputs.

    Raises DeploymentFailed.
    """
    cloudformation = client("cloudformation", endpoint_url, DEPLOYER_ACCESS_KEY_ID)
    request: dict[str, Any] = {
        "StackName": stack_name,
        "TemplateURL": _upload(endpoint_url, template_path),
        "Parameters": [{"ParameterKey": name, "ParameterValue": str(value)} for name, value in parameters.items()],
        "Capabilities": _CAPABILITIES,
    }
    try:
        if _exists(cloudformation, stack_name):
            cloudformation.update_stack(**request)
        else:
            cloudformation.create_stack(**request)
    except ClientError as error:
        if "No updates are to be performed" not in str(error):
            raise DeploymentFailed(f"{stack_name}: {error}") from error
    stack = cloudformation.describe_stacks(StackName=stack_name)["Stacks"][0]
    if stack["StackStatus"] not in _DEPLOYED:
        raise DeploymentFailed(f"{stack_name} is {stack['StackStatus']}: {_reasons(cloudformation, stack_name)}")
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _upload(endpoint_url: str, template_path: Path) -> str:
    """Put the template into a bucket and return its URL: a request itself takes 51,200 bytes of template at most."""
    s3 = client("s3", endpoint_url, DEPLOYER_ACCESS_KEY_ID)
    s3.create_bucket(Bucket=_BUCKET)
    key = template_path.as_posix().lstrip("/")
    s3.put_object(Bucket=_BUCKET, Key=key, Body=template_path.read_bytes())
    return f"{endpoint_url}/{_BUCKET}/{key}"


def _exists(cloudformation: Any, stack_name: str) -> bool:
    try:
        cloudformation.describe_stacks(StackName=stack_name)
    except ClientError as error:
        if "does not exist" in str(error):
            return False
        raise
    return True


def _reasons(cloudformation: Any, stack_name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack_name)["StackEvents"]
    return "; ".join(
        f"{event['LogicalResourceId']} ({event['ResourceType']}) {event['ResourceStatus']}: "
        f"{event.get('ResourceStatusReason', 'no reason given')}"
        for event in events
        if event["ResourceStatus"].endswith("_FAILED")
    )
