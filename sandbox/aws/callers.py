"""Who calls AWS in the sandbox, and with which settings.

Each party has an access key id of its own, so that the access log can tell their calls apart.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from botocore.config import Config

REGION = "us-east-1"

# The people and programs that use the stack: producers, operators, tests.
USER_ACCESS_KEY_ID = "SANDBOXUSER"
DEPLOYER_ACCESS_KEY_ID = "SANDBOXDEPLOYER"
FUNCTION_ACCESS_KEY_ID = "SANDBOXFUNCTION"
MAPPING_ACCESS_KEY_ID = "SANDBOXMAPPING"
# What AWS does by itself, without a role that must allow it.
PLATFORM_ACCESS_KEY_ID = "SANDBOXPLATFORM"


def client(service: str, endpoint_url: str, access_key_id: str, *, connections: int = 10) -> Any:
    """Return a boto3 client that talks to `endpoint_url`, with a pool of so many connections."""
    session = boto3.session.Session(access_key_id, "sandbox", region_name=REGION)
    config = Config(max_pool_connections=connections, proxies={})
    return session.client(service, endpoint_url=endpoint_url, config=config)  # type: ignore[call-overload] # any service


def aws_environment(endpoint_url: str, access_key_id: str) -> dict[str, str]:
    """Return the environment variables with which any AWS client talks to `endpoint_url` and to nothing else."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # A developer's own files could name other endpoints, profiles or plugins.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
    }
