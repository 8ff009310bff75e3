"""What an answer of the API means for the message: status, body, and who has answered."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests

from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.sociocs.api_key import ApiKey
from message_sender.sociocs.redaction import redacted

LONGEST_RETRY_AFTER_SECONDS = 900.0
"""What counts of a longer Retry-After. Nobody can take a message back that a bad header has hidden for hours."""
MAXIMUM_FOREIGN_BYTES = 200
"""The beginning of somebody else's answer that the reason quotes."""
LONGEST_MESSAGE_ID = 256
"""Characters. The documented ones have 8; what is longer fits in no log line and no item of the ledger."""

_PAGE = 'API page "Send message", status codes'


@dataclass(frozen=True, slots=True)
class StatusRule:
    """What an answer with one of these statuses means."""

    statuses: range
    own: ErrorCode | None
    """With Sociocs's own error object; None: the outcome is unknown."""
    foreign: ErrorCode | None
    """Without it: a gateway, a firewall or a proxy has answered. None: the outcome is unknown."""
    source: str
    """Where the rule comes from."""


def _rule(first: int, last: int, own: ErrorCode | None, foreign: ErrorCode | None, source: str) -> StatusRule:
    return StatusRule(range(first, last + 1), own, foreign, source)


_E = ErrorCode
STATUS_RULES: tuple[StatusRule, ...] = (
    # 2xx: only the body counts, see `_accepted`.
    _rule(200, 299, _E.API_REJECTED, None, f"{_PAGE}: 200 with status success or error"),
    # Not followed: a POST would become a GET, and the apikey would leave.
    _rule(300, 399, _E.API_MISCONFIGURED, _E.API_MISCONFIGURED, "RFC 9110, 15.4"),
    _rule(401, 401, _E.API_UNAUTHORIZED, _E.API_MISCONFIGURED, f"{_PAGE}: 401 is the apikey's"),
    _rule(403, 403, _E.API_UNAUTHORIZED, _E.API_MISCONFIGURED, "not documented; a firewall's usual answer"),
    # Sociocs's own 404 names what is missing: "Template not found."
    _rule(404, 404, _E.API_REJECTED, _E.API_MISCONFIGURED, f"{_PAGE}: 404 is the endpoint's"),
    _rule(405, 405, _E.API_MISCONFIGURED, _E.API_MISCONFIGURED, "RFC 9110, 15.5.6: no POST at this address"),
    _rule(407, 407, _E.API_MISCONFIGURED, _E.API_MISCONFIGURED, "RFC 9110, 15.5.8: the proxy wants a password"),
    _rule(408, 408, _E.API_THROTTLED, _E.API_THROTTLED, "RFC 9110, 15.5.9: the request did not arrive whole"),
    _rule(425, 425, _E.API_THROTTLED, _E.API_THROTTLED, "RFC 8470, 5.2: not processed"),
    _rule(429, 429, _E.API_THROTTLED, _E.API_THROTTLED, f"{_PAGE}: 429 is the rate limit"),
    _rule(400, 499, _E.API_REJECTED, _E.API_REJECTED, f"{_PAGE}: 400 is validation; RFC 9110, 15.5 for the others"),
    # A gateway that gave up waiting stands before a server that may have sent the message.
    _rule(504, 504, _E.API_UNAVAILABLE, None, "RFC 9110, 15.6.5: no answer in time from the server behind"),
    _rule(500, 511, _E.API_UNAVAILABLE, _E.API_UNAVAILABLE, f"{_PAGE}: 500 to 511, try again later"),
    _rule(512, 599, _E.API_UNAVAILABLE, None, "no page; Cloudflare's 520 and 524: the server behind may have sent"),
)
"""The first row that holds a status counts. A status in no row is no final answer: the outcome is unknown."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    content: bytes | None
    """None when it was broken or too large."""
    body: dict[str, object]
    """The JSON object in it; empty when there is none."""
    content_type: str
    retry_after: str | None

    @classmethod
    def of(cls, response: requests.Response, content: bytes | None) -> "Answer":
        """Take it from a response."""
        headers = response.headers
        body = _as_object(content)
        return cls(response.status_code, content, body, headers.get("Content-Type") or "", headers.get("Retry-After"))

    @property
    def is_error(self) -> bool:
        """Whether it is Sociocs's own error object."""
        return self.body.get("status") == "error" and isinstance(self.body.get("errors"), list)

    @property
    def is_success(self) -> bool:
        """Whether it is Sociocs's own success object."""
        return self.body.get("status") == "success"


def classify(answer: Answer, body: bytes, key: ApiKey) -> Outcome:
    """Say what an answer means for the message.

    Args:
        answer: what came back.
        body: what was sent: the reason repeats nothing of it.
        key: what was sent with it.
    """
    rule = next((rule for rule in STATUS_RULES if answer.status in rule.statuses), None)
    if rule is None:
        return Unknown(f"Sociocs answered {answer.status}, which is no final answer")
    if 200 <= answer.status < 300:
        return _accepted(answer, body, key)
    if answer.status >= 500 and answer.is_success:
        return Unknown(f"Sociocs answered {answer.status} with a body that says success")
    code = rule.own if answer.is_error else rule.foreign
    reason = _reason(answer, body, key)
    if code is None:
        return Unknown(f"{reason}; what stands behind it may have sent the message")
    if code is ErrorCode.API_REJECTED:
        return Rejected(code, reason)
    return Deferred(code, reason, retry_after(answer.retry_after, datetime.now(UTC)))


def _accepted(answer: Answer, body: bytes, key: ApiKey) -> Outcome:
    data = answer.body.get("data")
    found = data.get("message_id") if isinstance(data, dict) else None
    message_id = str(found).strip() if isinstance(found, str | int) and not isinstance(found, bool) else ""
    # Printable and short: it goes to the ledger, the log and the outcome event.
    if answer.is_success and message_id.isprintable() and 0 < len(message_id) <= LONGEST_MESSAGE_ID:
        return Accepted(str(found))
    if answer.body.get("status") == "error":
        return Rejected(ErrorCode.API_REJECTED, _reason(answer, body, key))
    return Unknown(f"Sociocs answered {answer.status} without a message_id that can be read")


def _as_object(content: bytes | None) -> dict[str, object]:
    try:
        answer = json.loads(content or b"")
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _reason(answer: Answer, body: bytes, key: ApiKey) -> str:
    """Say what was answered and by whom, less anything that it repeats of the message."""
    if answer.is_error or answer.status < 300:
        errors = answer.body.get("errors")
        found = errors if isinstance(errors, list) else []
        said = [e["msg"] for e in found if isinstance(e, dict) and isinstance(e.get("msg"), str)]
        who = f"Sociocs answered {answer.status}"
        return f"{who}: {redacted('; '.join(said), body, *_secrets(key))}" if said else who
    who = f"not Sociocs's API but something before it answered {answer.status}"
    if not answer.content or not answer.content.strip():
        return f"{who} with an empty or broken body"
    text = answer.content[:MAXIMUM_FOREIGN_BYTES].decode("utf-8", "replace")
    return f"{who} ({_kind(answer.content_type)}): {redacted(text, body, *_secrets(key))}"


def _secrets(key: ApiKey) -> tuple[str, ...]:
    return (key.value, *key.value.split(":"))  # an id and a secret


def _kind(content_type: str) -> str:
    kind = content_type.split(";", maxsplit=1)[0].strip().lower()
    return kind if re.fullmatch(r"[a-z]+/[a-z0-9.+-]{1,40}", kind) else "no content type"


def retry_after(header: str | None, now: datetime) -> float | None:
    """Read Retry-After, seconds or HTTP-date (RFC 9110, 10.2.3), as seconds from now; None when it says nothing.

    At most `LONGEST_RETRY_AFTER_SECONDS`.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return min(LONGEST_RETRY_AFTER_SECONDS, float(text[:12]))
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(LONGEST_RETRY_AFTER_SECONDS, max(0.0, (moment - now).total_seconds()))
