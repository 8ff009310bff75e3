"""`sam build` and `sam deploy`, run for real against the local AWS endpoint."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import boto3
import pytest

from tests.support import ROOT

SAM = ROOT / ".tools" / "sam" / "bin" / "sam"

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "deployer", "AWS_SECRET_ACCESS_KEY": "deployer"}

SamDeploy = Callable[..., dict[str, str]]


def _run(*arguments: str, **environment: str) -> str:
    """Run `sam` from the project's folder; an error shows what it said."""
    assert SAM.exists(), "sam is not installed: run 'make test', which installs it"
    quiet = {"SAM_CLI_TELEMETRY": "0", "NO_PROXY": "127.0.0.1,localhost", "AWS_EC2_METADATA_DISABLED": "true"}
    done = subprocess.run(
        [str(SAM), *arguments],
        cwd=ROOT,
        env={**os.environ, **quiet, "AWS_DEFAULT_REGION": "us-east-1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.fixture(scope="session")
def built() -> Iterator[Path]:
    """The template that `sam build` writes, its CodeUri the package beside it."""
    with tempfile.TemporaryDirectory(prefix="sam-build-") as folder:
        target = Path(folder, "build")
        _run("build", "--build-dir", str(target))
        yield target / "template.yaml"


@pytest.fixture
def sam_deploy(built: Path) -> SamDeploy:
    """Deploy what was built, and return the stack's outputs.

    Takes the arguments of `sandbox.aws.deploy.deploy`, so that it can stand in for it: the sandbox then runs on a stack
    that `sam deploy` made. The template argument is not used: it is the one that was built.
    """

    def deploy(endpoint_url: str, _template: Path, stack_name: str, parameters: Mapping[str, str]) -> dict[str, str]:
        overrides = [f"{name}={value}" for name, value in parameters.items()]
        _run(
            "deploy",
            *("--template-file", str(built), "--config-file", str(ROOT / "samconfig.toml"), "--stack-name", stack_name),
            *(("--parameter-overrides", *overrides) if overrides else ()),
            **CREDENTIALS,
            # moto takes the template's URL for a bucket's own host name unless it says localhost.
            AWS_ENDPOINT_URL=endpoint_url.replace("127.0.0.1", "localhost"),
        )
        client = boto3.client(
            "cloudformation",
            endpoint_url=endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="deployer",
            aws_secret_access_key="deployer",
        )
        (stack,) = client.describe_stacks(StackName=stack_name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}

    return deploy
