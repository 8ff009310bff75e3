"""Which AWS API calls were made, by whom and on what. Tests compare it with a role's policy."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

# Request fields that name a resource, of the services that the function calls.
_RESOURCE_FIELDS = frozenset(
    {"DestinationArn", "EventBusName", "QueueName", "QueueUrl", "SecretId", "SourceArn", "TableName"}
)
# Fields with the content of a message or an item, which may use the same names.
_CONTENT_FIELDS = frozenset({"Item", "Key", "MessageAttributes"})
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
_MOST_CALLS = 100_000


@dataclass(frozen=True)
class Call:
    """One call.

    service: as in the signature's scope: `sqs`, `dynamodb`, `secretsmanager`, `events`, `lambda`, …
    operation: `SendMessage`; of a REST service, such as Lambda and S3, the method and the path
    resources: the values of the request's fields that name a resource: names, ARNs and URLs
    access_key_id: whose credentials signed the request
    status: the answer's HTTP status
    time: epoch seconds
    """

    service: str
    operation: str
    resources: tuple[str, ...]
    access_key_id: str
    status: int
    time: float


class AccessLog:
    """The newest calls, oldest first."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque(maxlen=_MOST_CALLS)

    def add(self, environ: Mapping[str, Any], body: bytes, status: int) -> None:
        """Keep the call that a request made."""
        access_key_id, service = scope(environ)
        operation, parameters = _operation(environ, body)
        resources = tuple(dict.fromkeys(_resources(parameters)))
        self._calls.append(Call(service, operation, resources, access_key_id, status, round(time.time(), 3)))

    def select(self, *, access_key_id: str | None = None, service: str | None = None) -> list[dict[str, Any]]:
        """Return the calls as JSON objects: all, or those of one key or service."""
        return [
            asdict(call)
            for call in list(self._calls)
            if access_key_id in (None, call.access_key_id) and service in (None, call.service)
        ]


def scope(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Return the access key id and the service that a request was signed with, each "" when it was not signed."""
    match = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    return (match.group(1), match.group(3)) if match else ("", "")


def _operation(environ: Mapping[str, Any], body: bytes) -> tuple[str, Any]:
    """Return the operation and its parameters."""
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return target.rpartition(".")[2], json.loads(body or b"{}")
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace")))
        return form.get("Action", ""), form
    return f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO', '')}", {}


def _resources(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _resources(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in _RESOURCE_FIELDS and isinstance(value, str):
                yield value
            elif name not in _CONTENT_FIELDS:
                yield from _resources(value)
