"""Starts the local AWS endpoint (`sandbox.aws.server`) in a process of its own."""

from __future__ import annotations

from sandbox.server_process import ServerProcess


def aws_endpoint(invoke_url: str = "", *, port: int = 0, time_scale: float = 1.0) -> ServerProcess:
    """Start the endpoint; it ends with the block or with this process.

    invoke_url: where it sends invocations of functions, see `sandbox.lambda_service.invoke_endpoint`
    time_scale: divides waits, see `sandbox.aws.moto_patches.waits`
    """
    options = ["--port", str(port), "--time-scale", str(time_scale), "--invoke-url", invoke_url]
    return ServerProcess("the AWS endpoint", ["sandbox.aws.server", *options])
