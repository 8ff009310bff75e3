"""Starts the local AWS endpoint (sandbox/aws/server.py) in a process of its own."""

from __future__ import annotations

from sandbox.server_process import ServerProcess


def aws_endpoint(invoke_url: str = "", *, port: int = 0, time_scale: float = 1.0) -> ServerProcess:
    """Start the endpoint; it ends with the block or with this process.

    invoke_url: where invocations are sent, see `sandbox.lambda_service.invoke_endpoint`
    time_scale: see `sandbox.aws.moto_patches.waits`
    """
    module = ["sandbox.aws.server"] if time_scale == 1 else ["sandbox.aws.moto_patches.waits", str(time_scale)]
    return ServerProcess("the AWS endpoint", [*module, "--port", str(port)], {"SANDBOX_INVOKE_URL": invoke_url})
