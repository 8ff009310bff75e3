"""The deployed function as its host needs to know it, read from the AWS endpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

SOURCE_ROOT = Path(__file__).resolve().parents[2] / "src"

# Each party that calls AWS has its own access key id, so that the access log can tell their calls apart.
FUNCTION_ACCESS_KEY_ID = "SANDBOXFUNCTION"
MAPPING_ACCESS_KEY_ID = "SANDBOXMAPPING"
PLATFORM_ACCESS_KEY_ID = "SANDBOXPLATFORM"

# Of the developer's environment only what a process needs to run at all: no proxies, profiles or credentials.
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
    region: str = "us-east-1"
    code_root: Path = SOURCE_ROOT
    maximum_retry_attempts: int = 2
    on_failure_arn: str | None = None

    @classmethod
    def read(
        cls,
        client: LambdaClient,
        name: str,
        *,
        environment_overrides: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> Function:
        """Read the function's configuration as deployed. The overrides are for tests that cannot wait."""
        configuration = client.get_function_configuration(FunctionName=name)
        retries, on_failure_arn = _asynchronous_configuration(client, name)
        function = cls(
            name=configuration["FunctionName"],
            arn=configuration["FunctionArn"],
            handler=configuration["Handler"],
            timeout_seconds=float(configuration["Timeout"]),
            memory_megabytes=configuration["MemorySize"],
            environment=configuration.get("Environment", {}).get("Variables", {}),
            endpoint_url=client.meta.endpoint_url,
            region=client.meta.region_name,
            maximum_retry_attempts=retries,
            on_failure_arn=on_failure_arn,
        )
        return replace(
            function,
            environment={**function.environment, **(environment_overrides or {})},
            timeout_seconds=timeout_seconds or function.timeout_seconds,
        )

    def process_environment(self, runtime_api: str) -> dict[str, str]:
        """Everything a process of this function finds in its environment, as Lambda sets it."""
        return {
            **{name: os.environ[name] for name in _INHERITED if name in os.environ},
            **aws_environment(self.endpoint_url, FUNCTION_ACCESS_KEY_ID, self.region),
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


def aws_environment(endpoint_url: str, access_key_id: str, region: str = "us-east-1") -> dict[str, str]:
    """Environment variables with which any AWS client talks to `endpoint_url` and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        # A developer's own files could name other endpoints, profiles or plugins.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }


def _asynchronous_configuration(client: LambdaClient, name: str) -> tuple[int, str | None]:
    try:
        configuration = client.get_function_event_invoke_config(FunctionName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return 2, None
    destination = configuration.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    return int(configuration.get("MaximumRetryAttempts", 2)), destination or None
