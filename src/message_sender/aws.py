"""AWS clients: an end to every call, a connection for each thread, one TLS context, and answers that are AWS's."""

import functools
import os
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectTimeoutError
from botocore.httpsession import URLLib3Session
from botocore.parsers import ResponseParserError
from botocore.utils import get_environ_proxies

from message_sender.clock import Clock
from message_sender.connections import Limits, limit, tls_context

CONNECT_SECONDS = 1.0
"""Until the TLS handshake is done, whatever the number of addresses."""
ANSWER_SECONDS = 2.0
"""For the whole answer."""
TRIES = 2
CALL_SECONDS = 4.0
"""The end of one call, its second try included: 1 s + 2 s for the first, at most 1 s before the second, which gets what
is left. botocore waits a random part of a second before it ("standard" mode)."""

AWS_ERRORS = (ClientError, BotoCoreError, ResponseParserError)
"""Everything that a call raises when AWS refused it, could not be reached, or answered with something else."""


class NotFromAwsError(BotoCoreError):
    """Something between us and AWS answered 200: an answer without AWS's request id says nothing of the call."""

    fmt = "the answer to {operation} has no AWS request id: it is not from AWS"


def error_code(error: Exception) -> str:
    """Name what went wrong with a call: AWS's code or the error's class. The message itself may quote the request."""
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def succeeded(answer: Mapping[str, Any], entries: int) -> set[int]:  # Any: each batch call has a type of its own
    """Return the positions of a batch call's entries that AWS says are done: those in `Successful`, and no others."""
    named = answer.get("Successful")
    ids = {entry.get("Id") for entry in named if isinstance(entry, dict)} if isinstance(named, list) else set()
    return {position for position in range(entries) if str(position) in ids}


def failures(answer: Mapping[str, Any], entries: int) -> dict[int, str]:  # Any: each batch call has a type of its own
    """Return the positions that are not known to be done -> why, in AWS's code."""
    named = answer.get("Failed")
    codes = {entry.get("Id"): entry.get("Code") for entry in named if isinstance(entry, dict)} if named else {}
    done = succeeded(answer, entries)
    return {
        position: str(codes.get(str(position)) or "NotNamed") for position in range(entries) if position not in done
    }


class _Session(URLLib3Session):
    """botocore's HTTP session with our connections, and one TLS context for all of them."""

    def __init__(self, limits: Limits, tls: ssl.SSLContext | None, **options: Any) -> None:  # Any: botocore's signature
        self._tls = tls
        super().__init__(**options)
        self._limits = limits
        limit(self._manager, limits)  # type: ignore[attr-defined]  # the stubs leave it out

    def _get_ssl_context(self) -> ssl.SSLContext | None:
        return self._tls

    def _get_proxy_manager(self, proxy_url: str) -> Any:  # Any: botocore has no types
        is_new = proxy_url not in self._proxy_managers  # type: ignore[attr-defined]  # the stubs leave it out
        manager = super()._get_proxy_manager(proxy_url)  # type: ignore[misc]  # the stubs leave it out
        if is_new:
            limit(manager, self._limits)
        return manager

    def _setup_ssl_cert(self, conn: Any, url: str, verify: object) -> None:  # noqa: ARG002 - botocore's signature
        # The context verifies, with the certificates that it has loaded.
        conn.cert_reqs = "CERT_REQUIRED"


class AwsClients:
    """Makes the clients of one boto3 session."""

    def __init__(self, threads: int, endpoint_url: str | None = None, clock: Clock = time) -> None:
        """Wire the factory.

        Args:
            threads: how many make calls at once.
            endpoint_url: where the calls go; otherwise as boto3's own configuration says.
            clock: tells how long a connection was idle.
        """
        self._endpoint_url = endpoint_url
        # botocore's own session is never used; its timeouts are those of the configuration all the same.
        self._config = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
        )
        # As many connections as threads: botocore's 10 make the others open a new one for each call.
        self._threads = max(10, threads)
        self._limits = Limits(clock)

    @functools.cached_property
    def _boto3_session(self) -> boto3.Session:
        return boto3.Session()

    @functools.cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context(os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE"))

    def client(self, service: Any) -> Any:  # Any: boto3's stubs name every service in an overload
        """Make a client of a service, `sqs`. A call ends after `CALL_SECONDS`."""
        client = self._boto3_session.client(service, config=self._config, endpoint_url=self._endpoint_url)
        url = client.meta.endpoint_url
        http = _Session(
            self._limits,
            self._tls if url.startswith("https:") else None,
            proxies=get_environ_proxies(url),
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
            max_pool_connections=self._threads,
            # Without it a request of two segments waits for the delayed acknowledgement of the first.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        name = client.meta.service_model.service_id.hyphenize()
        client.meta.events.register(f"before-call.{name}", self._begin)
        client.meta.events.register(f"before-send.{name}", functools.partial(self._send, http))
        client.meta.events.register(f"after-call.{name}", _check_origin)
        return client

    def _begin(self, **_: object) -> None:
        self._limits.begin(ends=time.monotonic() + CALL_SECONDS)

    def _send(self, http: _Session, request: Any, **_: object) -> Any:  # Any: botocore has no types
        """Answer botocore's event `before-send`, which lets a handler make the request; retries stay botocore's."""
        if time.monotonic() > self._limits.ends:
            raise ConnectTimeoutError(endpoint_url=request.url)
        return http.send(request)


def _check_origin(parsed: Mapping[str, Any], model: Any, **_: object) -> None:  # Any: botocore has no types
    if not parsed.get("ResponseMetadata", {}).get("RequestId"):
        raise NotFromAwsError(operation=model.name)
