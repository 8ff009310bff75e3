"""The answers of the API, as its page documents them and as a scripted rule demands them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from sandbox.sociocs.script import Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer. `headers` come on top of the content type and the length of the body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    content_type: str = "application/json"


def accepted(message_id: str) -> Answer:
    """Return the answer to an accepted message."""
    return _answer(HTTPStatus.OK, {"status": "success", "data": {"message_id": message_id}})


def refused(status: int, reasons: Iterable[str], headers: dict[str, str] | None = None) -> Answer:
    """Return an error."""
    return _answer(status, {"status": "error", "errors": [{"msg": reason} for reason in reasons]}, headers)


def scripted(rule: Rule) -> Answer | None:
    """Return the rule's own answer; None when the rule drops the request."""
    if rule.status is None:
        return None
    if rule.body is None and rule.status < HTTPStatus.BAD_REQUEST:
        return Answer(status=rule.status, headers=rule.headers)
    if rule.body is None:
        return refused(rule.status, [f"Scripted answer {rule.status}."], rule.headers)
    if not isinstance(rule.body, str):
        return _answer(rule.status, rule.body, rule.headers)
    headers = dict(rule.headers)
    content_type = "text/html" if rule.body.lstrip().startswith("<") else "text/plain"
    for name in [name for name in headers if name.lower() == "content-type"]:
        content_type = headers.pop(name)
    return Answer(status=rule.status, headers=headers, body=rule.body.encode(), content_type=content_type)


def reasons_in(answer: Answer | None) -> list[str]:
    """Return the texts of an error as the API documents it; none for any other answer."""
    try:
        return [str(error["msg"]) for error in json.loads(answer.body if answer else b"")["errors"]]
    except (ValueError, LookupError, TypeError):
        return []


def _answer(status: int, body: object, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status=int(status), headers=headers or {}, body=json.dumps(body).encode())
