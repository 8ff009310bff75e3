"""AWS clients: short timeouts, a connection for each thread, and one TLS context for all connections."""

import os
import socket
import ssl
from typing import Any
from urllib.request import getproxies

import boto3
import certifi
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpsession import URLLib3Session

CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 2


def error_code(error: ClientError | BotoCoreError) -> str:
    """Name what went wrong with a call, by AWS's code or botocore's class: the message itself may quote the request."""
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


class _OneContextSession(URLLib3Session):
    """botocore's HTTP session, less the reading of the CA bundle (40 ms of CPU) for each new connection."""

    def __init__(self, tls: ssl.SSLContext, **options: Any) -> None:
        self._tls = tls
        super().__init__(**options)

    def _get_ssl_context(self) -> ssl.SSLContext:
        return self._tls

    def _setup_ssl_cert(self, conn: Any, url: str, verify: Any) -> None:  # noqa: ARG002 - botocore's signature
        # The context verifies, with the certificates that it has loaded.
        conn.cert_reqs = "CERT_REQUIRED"


class AwsClients:
    """Makes the clients of one boto3 session."""

    def __init__(self, threads: int) -> None:
        """Wire the factory for so many threads."""
        self._session = boto3.Session()
        # Short, so that two tries of a call fit into the time that a batch keeps in reserve. As many connections as
        # threads: the default of 10 makes the others open a new one for each call.
        self._config = Config(
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
            read_timeout=READ_TIMEOUT_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=max(10, threads),
        )
        self._http: _OneContextSession | None = None

    def client(self, service: Any) -> Any:
        """Make a client of a service, `sqs`."""
        client = self._session.client(service, config=self._config)
        # Through a proxy botocore's own session knows the way.
        if client.meta.endpoint_url.startswith("https:") and "https" not in getproxies():
            self._http = self._http or self._open()
            client.meta.events.register(f"before-send.{client.meta.service_model.service_id.hyphenize()}", self._send)
        return client

    def _send(self, request: Any, **_: Any) -> Any:
        """Answer botocore's event `before-send`, which lets a handler make the request; retries stay botocore's."""
        return self._http.send(request) if self._http else None

    def _open(self) -> _OneContextSession:
        return _OneContextSession(
            ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or certifi.where()),
            timeout=(CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS),
            max_pool_connections=self._config.max_pool_connections,  # type: ignore[attr-defined]  # set from its options
            # Without it a request of two segments waits for the delayed acknowledgement of the first.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
