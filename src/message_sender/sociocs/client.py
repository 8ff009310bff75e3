"""One request body -> `POST /message` -> outcome. Source of the rules: the Sociocs API's page "Send message"."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.sociocs.api_key import ApiKey, ApiKeySource, ApiKeyUnavailableError
from message_sender.sociocs.redaction import redacted
from message_sender.sociocs.transport import request_was_sent, start_request

MAXIMUM_ANSWER_BYTES = 2 * 1024 * 1024

STATUS_CODES: tuple[tuple[range, ErrorCode | None], ...] = (
    (range(200, 300), None),  # the body decides
    (
        range(300, 400),
        ErrorCode.API_MISCONFIGURED,
    ),  # not followed: a POST would become a GET, and the apikey would leave
    (range(401, 402), ErrorCode.API_UNAUTHORIZED),
    (range(403, 404), ErrorCode.API_UNAUTHORIZED),
    (range(404, 406), ErrorCode.API_MISCONFIGURED),
    (range(408, 409), ErrorCode.API_THROTTLED),
    (range(425, 426), ErrorCode.API_THROTTLED),
    (range(429, 430), ErrorCode.API_THROTTLED),
    (range(400, 500), ErrorCode.API_REJECTED),
    (range(500, 600), ErrorCode.API_UNAVAILABLE),
)
"""What a status means; the first row that holds it counts. A status in no row leaves the outcome unknown."""


class SociocsClient:
    """Sends messages; safe to share between threads."""

    def __init__(
        self,
        url: str,
        api_key: ApiKeySource,
        session: requests.Session,
        *,
        connect_timeout: float,
        read_timeout: float,
        on_call: Callable[[float], object] = lambda _: None,
    ) -> None:
        """Wire a client.

        Args:
            url: of "Send message".
            api_key: where the apikey comes from.
            session: from `transport.open_session`.
            connect_timeout: seconds.
            read_timeout: seconds for the whole answer.
            on_call: told the seconds that each call took.
        """
        self._api_key, self._session, self._on_call = api_key, session, on_call
        self._timeouts = (connect_timeout, read_timeout)
        # Prepared once and copied for each message: preparing costs more than all the rest of a request.
        self._request = requests.Request("POST", url, headers={"Content-Type": "application/json"}).prepare()

    def send(self, body: bytes, last_start: float = float("inf")) -> Outcome:
        """Send one message.

        No request starts after `last_start` (of `time.monotonic`). A refused apikey is read anew and tried once more.
        """
        try:
            key = self._api_key.get()
        except ApiKeyUnavailableError as error:
            return Deferred(ErrorCode.DEPENDENCY_UNAVAILABLE, str(error))
        if time.monotonic() > last_start:
            return Deferred(ErrorCode.NOT_ATTEMPTED, "no time was left to send it")
        outcome = self._post(body, key)
        if not (isinstance(outcome, Deferred) and outcome.code is ErrorCode.API_UNAUTHORIZED):
            return outcome
        try:
            key = self._api_key.refresh(key)
        except ApiKeyUnavailableError as error:
            return Deferred(ErrorCode.DEPENDENCY_UNAVAILABLE, f"{outcome.reason}; read anew, {error}")
        return self._post(body, key) if time.monotonic() <= last_start else outcome

    def _post(self, body: bytes, key: ApiKey) -> Outcome:
        request = self._request.copy()
        request.body = body
        request.headers.update({"apikey": key.value, "Content-Length": str(len(body))})
        started = time.monotonic()
        start_request()
        try:
            response = self._session.send(request, stream=True, timeout=self._timeouts, allow_redirects=False)
            content = _read(response)
        except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
            return _failed(error)
        finally:
            self._on_call(time.monotonic() - started)
        return _classify(response, content, body, key)


def _read(response: requests.Response) -> bytes | None:
    """Read the body, or None when it is broken or too large. The connection is kept only after a whole one."""
    if response.status_code < 200:  # no answer that ends anything: whatever follows is not the next request's
        response.raw.close()
        return None
    parts, size = [], 0
    try:
        while part := response.raw.read(65536, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > MAXIMUM_ANSWER_BYTES:
                break
        else:
            return b"".join(parts)
    except (HTTPError, HTTPException, OSError):
        pass
    response.raw.close()
    return None


def _failed(error: Exception) -> Outcome:
    kind = type(_root(error)).__name__
    if request_was_sent():
        return Unknown(f"the request went out, and its answer did not come ({kind})")
    return Deferred(ErrorCode.API_UNREACHABLE, f"could not connect to Sociocs ({kind}); nothing was sent")


def _root(error: BaseException) -> BaseException:
    """Find what lies below the layers that requests and urllib3 wrap around an error."""
    below = getattr(error, "reason", None) or next((a for a in error.args if isinstance(a, Exception)), None)
    return _root(below) if isinstance(below, BaseException) else error


def _classify(response: requests.Response, content: bytes | None, body: bytes, key: ApiKey) -> Outcome:
    status = response.status_code
    if not any(status in statuses for statuses, _ in STATUS_CODES):
        return Unknown(f"Sociocs answered {status}, which is no final answer")
    code = next(code for statuses, code in STATUS_CODES if status in statuses)
    answer = _as_object(content)
    if code is None:
        return _accepted(status, answer, body, key)
    reason = _reason(status, answer, body, key)
    if code is ErrorCode.API_REJECTED:
        return Rejected(code, reason)
    return Deferred(code, reason, retry_after(response.headers.get("Retry-After"), datetime.now(UTC)))


def _accepted(status: int, answer: dict[str, Any], body: bytes, key: ApiKey) -> Outcome:
    data = answer.get("data")
    message_id = data.get("message_id") if isinstance(data, dict) else None
    named = isinstance(message_id, str | int) and not isinstance(message_id, bool) and str(message_id).strip()
    # Printable: it goes to the ledger, the log and the outcome event.
    if answer.get("status") == "success" and named and str(message_id).isprintable():
        return Accepted(str(message_id))
    if answer.get("status") == "error":
        return Rejected(ErrorCode.API_REJECTED, _reason(status, answer, body, key))
    return Unknown(f"Sociocs answered {status} without a message_id that can be read")


def _as_object(content: bytes | None) -> dict[str, Any]:
    try:
        answer = json.loads(content or b"")
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _reason(status: int, answer: dict[str, Any], body: bytes, key: ApiKey) -> str:
    """Say what Sociocs said, less anything that it repeats of the message."""
    errors = answer.get("errors")
    said = (
        [e["msg"] for e in errors if isinstance(e, dict) and isinstance(e.get("msg"), str)]
        if isinstance(errors, list)
        else []
    )
    return (
        f"Sociocs answered {status}: {redacted('; '.join(said), body, key.value, *key.value.split(':'))}"
        if said
        else f"Sociocs answered {status}"
    )


def retry_after(header: str | None, now: datetime) -> float | None:
    """Read Retry-After, seconds or HTTP-date (RFC 9110, 10.2.3), as seconds from now; None when it says nothing."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())
