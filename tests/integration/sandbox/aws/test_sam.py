"""`sam deploy` against the endpoint, as an operator runs it against AWS."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import ROOT
from tests.support.aws_clients import Clients

SAM = ROOT / ".tools/sam/bin/sam"
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Send:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src/, Handler: a.b, Runtime: python3.13}
Outputs:
  FunctionName: {Value: !Ref Send}
"""


@pytest.mark.skipif(not SAM.exists(), reason="`make setup` has not installed the SAM CLI")
def test_sam_deploy_works(aws: Clients, tmp_path: Path, name: str) -> None:
    """`sam deploy --resolve-s3` makes its bucket, uploads the code and deploys the stack by a change set."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/a.py").write_text("def b(event, context): return event\n")
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    done = subprocess.run(
        [SAM, "deploy", "--stack-name", name, "--resolve-s3", "--capabilities", "CAPABILITY_IAM"],
        cwd=tmp_path,
        env={
            **os.environ,
            "AWS_ENDPOINT_URL": aws.url,
            "AWS_ACCESS_KEY_ID": "sam",
            "AWS_SECRET_ACCESS_KEY": "sam",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "SAM_CLI_TELEMETRY": "0",
            "NO_PROXY": "127.0.0.1,localhost",
        },
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (stack,) = aws("cloudformation").describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    function = aws("lambda").get_function(FunctionName=stack["Outputs"][0]["OutputValue"])["Configuration"]
    assert function["CodeSize"] > 0
