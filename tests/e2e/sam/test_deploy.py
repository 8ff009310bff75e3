"""`make deploy` with the real `sam`, on the local AWS endpoint."""

import os
import shutil
import subprocess
import uuid
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.e2e.sam.conftest import SAM
from tests.support import ROOT
from tools.deploy import deploy

pytestmark = pytest.mark.timeout(300)

TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31

Parameters:
  EventSources:
    Type: String
    Default: any
  LogLevel:
    Type: String
    Default: INFO

Resources:
  Queue:
    Type: AWS::SQS::Queue
"""
SAMCONFIG = """\
version = 0.1
[default.deploy.parameters]
stack_name = "{name}"
resolve_s3 = true
fail_on_empty_changeset = false
parameter_overrides = "EventSources=\\"a,b\\" LogLevel=\\"DEBUG\\""
"""


def test_a_parameter_is_set_and_set_to_empty_again(
    aws_endpoint: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The values of `sam deploy --guided` arrive, and an empty value on the command line replaces one of them."""
    assert SAM.exists(), "sam is not installed: run 'make test', which installs it"
    name = f"deploy-{uuid.uuid4().hex[:8]}"
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "samconfig.toml").write_text(SAMCONFIG.format(name=name))
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_endpoint.replace("127.0.0.1", "localhost"))

    assert deploy("default", [], root=tmp_path) == 0
    assert _parameters(aws_endpoint, name) == {"EventSources": "a,b", "LogLevel": "DEBUG"}
    assert deploy("default", ["EventSources="], root=tmp_path) == 0
    assert _parameters(aws_endpoint, name) == {"EventSources": "", "LogLevel": "DEBUG"}


def _parameters(endpoint_url: str, stack_name: str) -> dict[str, Any]:
    client = boto3.client("cloudformation", endpoint_url=endpoint_url)
    (stack,) = client.describe_stacks(StackName=stack_name)["Stacks"]
    return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}


@pytest.mark.parametrize("environment", ["default", "staging", "prod"])
def test_plain_sam_deploy_fails_without_a_build(tmp_path: Path, environment: str) -> None:
    """A package without its dependencies cannot be deployed by mistake."""
    for name in ("samconfig.toml", "template.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "src").mkdir()
    done = subprocess.run(
        [SAM, "deploy", "--config-env", environment, "--no-confirm-changeset"],
        cwd=tmp_path,
        env={**os.environ, "SAM_CLI_TELEMETRY": "0", "AWS_ENDPOINT_URL": "http://127.0.0.1:9"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode != 0
    assert ".aws-sam/build/template.yaml" in done.stdout + done.stderr
