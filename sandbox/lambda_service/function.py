"""The deployed function as its host needs to know it, read from the AWS endpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sandbox.aws.callers import FUNCTION_ACCESS_KEY_ID, aws_environment
from sandbox.server_process import ROOT

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

# What a process needs of the developer's environment to run at all. It gets no proxies, profiles or credentials.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TEMP", "SYSTEMROOT")


@dataclass(frozen=True)
class Function:
    """One Lambda function: what it runs, how long it may take, and where failed asynchronous events go."""

    name: str
    arn: str
    handler: str
    timeout_seconds: float
    memory_megabytes: int = 128
    environment: Mapping[str, str] = field(default_factory=dict)
    endpoint_url: str = ""
    code_root: Path = ROOT / "src"
    maximum_retry_attempts: int = 2
    on_failure_arn: str | None = None

    @classmethod
    def read(
        cls,
        client: LambdaClient,
        name: str,
        *,
        environment_overrides: Mapping[str, str],
        timeout_seconds: float | None,
    ) -> Function:
        """Read the function's configuration as deployed. The overrides are for tests that cannot wait."""
        configuration = client.get_function_configuration(FunctionName=name)
        retries, on_failure_arn = _asynchronous_configuration(client, name)
        variables = configuration.get("Environment", {}).get("Variables", {})
        return cls(
            name=configuration["FunctionName"],
            arn=configuration["FunctionArn"],
            handler=configuration["Handler"],
            timeout_seconds=timeout_seconds or float(configuration["Timeout"]),
            memory_megabytes=configuration["MemorySize"],
            environment={**variables, **environment_overrides},
            endpoint_url=client.meta.endpoint_url,
            maximum_retry_attempts=retries,
            on_failure_arn=on_failure_arn,
        )

    def process_environment(self, runtime_api: str) -> dict[str, str]:
        """Everything that a process of this function finds in its environment, as Lambda sets it."""
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **aws_environment(self.endpoint_url, FUNCTION_ACCESS_KEY_ID),
            **self.environment,
            "AWS_LAMBDA_RUNTIME_API": runtime_api,
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_megabytes),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{self.name}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "sandbox",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
            "LAMBDA_TASK_ROOT": str(self.code_root),
            "_HANDLER": self.handler,
            "TZ": ":UTC",
            "PYTHONPATH": str(self.code_root),
            "PYTHONUNBUFFERED": "1",  # each line is in the log before the invocation's answer is
        }


def _asynchronous_configuration(client: LambdaClient, name: str) -> tuple[int, str | None]:
    """Return how often a failed event is tried again, and the ARN of its on-failure destination."""
    try:
        configuration = client.get_function_event_invoke_config(FunctionName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return 2, None
    destination = configuration.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    return int(configuration.get("MaximumRetryAttempts", 2)), destination or None
