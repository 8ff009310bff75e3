"""Which AWS API calls were made, by whom and on what: what a role's policy is compared with."""

from __future__ import annotations

import json
import re
import time
import urllib.parse
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import botocore.exceptions
import botocore.session

# Request fields that name a resource.
_RESOURCE_FIELDS = frozenset(
    {
        "AlarmName", "AlarmNames", "Bucket", "DestinationArn", "EventBusName", "EventSourceArn", "FunctionName",
        "KeyId", "LogGroupName", "logGroupName", "PolicyArn", "QueueName", "QueueUrl", "RoleName", "Rule", "SecretId",
        "SourceArn", "StackName", "TableName", "TopicArn", "UUID",
    }
)  # fmt: skip
_PARTIQL_TABLE = re.compile(r"\b(?:INTO|UPDATE|FROM)\s+\"?([\w.-]+)\"?", re.IGNORECASE)
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True)
class Call:
    """One call.

    service: as in the signature's scope: `sqs`, `dynamodb`, `secretsmanager`, `events`, `lambda`, …
    operation: `SendMessage`
    resources: the names, ARNs and URLs in the request's fields that name a resource
    access_key_id: whose credentials signed it
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
    """The last calls, oldest first."""

    def __init__(self, limit: int = 100_000) -> None:
        self._calls: deque[Call] = deque(maxlen=limit)

    def add(self, call: Call) -> None:
        """Keep a call, and drop the oldest when there are too many."""
        self._calls.append(call)

    def clear(self) -> None:
        """Forget all calls."""
        self._calls.clear()

    def select(self, *, access_key_id: str | None = None, service: str | None = None) -> list[dict[str, Any]]:
        """Return the calls as JSON objects, all or those of one key or service."""
        return [
            asdict(call)
            for call in list(self._calls)
            if access_key_id in (None, call.access_key_id) and service in (None, call.service)
        ]


def describe_call(environ: Mapping[str, Any], body: bytes, status: int) -> Call:
    """Read a call from its request."""
    access_key_id, service = scope(environ)
    operation, parameters = _operation(environ, service, body)
    return Call(
        service, operation, tuple(dict.fromkeys(_named(parameters))), access_key_id, status, round(time.time(), 3)
    )


def scope(environ: Mapping[str, Any]) -> tuple[str, str]:
    """Return the access key id and the service that a request was signed with, each "" when it was not signed."""
    match = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    return (match.group(1), match.group(3)) if match else ("", "")


def _operation(environ: Mapping[str, Any], service: str, body: bytes) -> tuple[str, Any]:
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target:
        return target.rpartition(".")[2], _json(body)
    if environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded"):
        form = dict(urllib.parse.parse_qsl(body.decode("utf-8", "replace")))
        if "Action" in form:
            return form["Action"], {name.split(".")[0]: value for name, value in form.items()}
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
    if service == "s3":
        return _s3_operation(method, path), {"Bucket": path.strip("/").split("/")[0]}
    for name, verb, pattern in _rest_operations(service):
        match = pattern.fullmatch(path)
        if verb == method and match:
            parameters = _json(body) if name != "Invoke" else {}
            named = {field: urllib.parse.unquote(value) for field, value in match.groupdict().items()}
            return name, {**(parameters if isinstance(parameters, dict) else {}), **named}
    return f"{method} {path}", {}


def _s3_operation(method: str, path: str) -> str:
    kind = "Object" if path.strip("/").count("/") else "Bucket"
    return {"PUT": "Put", "GET": "Get", "HEAD": "Head", "DELETE": "Delete", "POST": "Post"}.get(method, method) + kind


@cache
def _rest_operations(service: str) -> list[tuple[str, str, re.Pattern[str]]]:
    """Return (operation, HTTP method, path) of a REST service, from botocore's own description of it."""
    try:
        model = botocore.session.get_session().get_service_model(service)
    except botocore.exceptions.UnknownServiceError:
        return []
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = http["requestUri"].split("?")[0].rstrip("/")
        pattern = re.sub(
            r"\\\{(\w+)(\\\+)?\\\}", lambda m: f"(?P<{m.group(1)}>{'.+' if m.group(2) else '[^/]+'})", re.escape(path)
        )
        found.append((name, http["method"], re.compile(pattern + "/?")))
    return found


def _json(body: bytes) -> Any:
    try:
        return json.loads(body or b"{}")
    except ValueError:
        return {}


def _named(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for item in node:
            yield from _named(item)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name in _RESOURCE_FIELDS and isinstance(value, str):
                yield value
            elif name == "RequestItems" and isinstance(value, dict):
                yield from value
            elif name == "Statement" and isinstance(value, str):
                yield from _PARTIQL_TABLE.findall(value)
            elif isinstance(value, (dict, list)) and name not in ("Item", "Key", "MessageAttributes"):
                yield from _named(value)
