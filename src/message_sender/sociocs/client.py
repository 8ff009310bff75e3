"""One request body -> `POST /message` -> outcome. Source of the rules: the Sociocs API's page "Send message"."""

import time
from collections.abc import Callable
from http.client import HTTPException

import requests
from urllib3.exceptions import HTTPError

from message_sender.clock import Clock
from message_sender.connections import Limits
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.sociocs.answers import Answer, classify
from message_sender.sociocs.api_key import ApiKey, ApiKeySource, ApiKeyUnavailableError
from message_sender.version import VERSION

MAXIMUM_ANSWER_BYTES = 2 * 1024 * 1024
USER_AGENT = f"sociocs-message-sender/{VERSION} (+https://docs.sociocs.com/api/)"
"""Gateways refuse the names of HTTP libraries, which robots use too."""


class SociocsClient:
    """Sends messages; safe to share between threads."""

    def __init__(
        self,
        url: str,
        api_key: ApiKeySource,
        session: requests.Session,
        limits: Limits,
        *,
        connect_timeout: float,
        read_timeout: float,
        on_call: Callable[[float], object] = lambda _: None,
        clock: Clock = time,
    ) -> None:
        """Wire a client.

        Args:
            url: of "Send message".
            api_key: where the apikey comes from.
            session: from `transport.open_session`.
            limits: those of the session.
            connect_timeout: seconds until the connection can be used; as many again to hand over the request.
            read_timeout: seconds for the whole answer.
            on_call: told the seconds that each call took.
            clock: tells when there is no time left.
        """
        self._api_key, self._session, self._limits = api_key, session, limits
        self._on_call, self._clock = on_call, clock
        self._timeouts = (connect_timeout, read_timeout)
        headers = {"Content-Type": "application/json", "User-Agent": USER_AGENT}
        # Prepared once and copied for each message: preparing costs more than all the rest of a request.
        self._request = requests.Request("POST", url, headers=headers).prepare()

    @property
    def request_was_sent(self) -> bool:
        """Whether a request of this thread was handed to the network since `begin`."""
        return self._limits.was_sent

    def begin(self) -> None:
        """Forget what this thread has sent before."""
        self._limits.begin()

    def send(self, body: bytes, answer_by: float = float("inf")) -> Outcome:
        """Send one message.

        Args:
            body: what Sociocs gets.
            answer_by: of the monotonic clock. No request begins that may not be answered by then. A refused apikey is
                read anew and tried once more, when there is time for it.
        """
        try:
            key = self._api_key.get()
        except ApiKeyUnavailableError as error:
            return Deferred(ErrorCode.DEPENDENCY_UNAVAILABLE, str(error))
        if not self._has_time(answer_by):
            return Deferred(ErrorCode.NOT_ATTEMPTED, "no time was left to send it")
        outcome = self._post(body, key, answer_by)
        if not (isinstance(outcome, Deferred) and outcome.code is ErrorCode.API_UNAUTHORIZED):
            return outcome
        try:
            key = self._api_key.refresh(key)
        except ApiKeyUnavailableError as error:
            return Deferred(ErrorCode.DEPENDENCY_UNAVAILABLE, f"{outcome.reason}; read anew, {error}")
        return self._post(body, key, answer_by) if self._has_time(answer_by) else outcome

    def _has_time(self, answer_by: float) -> bool:
        connect, read = self._timeouts
        return self._clock.monotonic() + 2 * connect + read <= answer_by

    def _post(self, body: bytes, key: ApiKey, answer_by: float) -> Outcome:
        request = self._request.copy()
        request.body = body
        request.headers.update({"apikey": key.value, "Content-Length": str(len(body))})
        connect, read = self._timeouts
        started = self._clock.monotonic()
        self._limits.begin(ends=answer_by, send_by=answer_by - connect - read)
        try:
            response = self._session.send(request, stream=True, timeout=self._timeouts, allow_redirects=False)
            content = _read(response)
        except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
            return self._failed(error)
        finally:
            self._on_call(self._clock.monotonic() - started)
        outcome = classify(Answer.of(response, content), body, key)
        if isinstance(outcome, Accepted):
            self._api_key.accepted(key)
        elif response.status_code == 403 and isinstance(outcome, Deferred) and self._api_key.is_good(key):
            # Sociocs took another message with this apikey: what it refuses is this message.
            return Rejected(ErrorCode.API_REJECTED, outcome.reason)
        return outcome

    def _failed(self, error: Exception) -> Outcome:
        kind = type(_root(error)).__name__
        if self.request_was_sent:
            return Unknown(f"the request went out, and its answer did not come ({kind})")
        return Deferred(ErrorCode.API_UNREACHABLE, f"could not connect to Sociocs ({kind}); nothing was sent")


def _read(response: requests.Response) -> bytes | None:
    """Read the body, or None when it is broken or too large. The connection is kept only after a whole one."""
    if response.status_code < 200:  # no answer that ends anything: whatever follows is not the next request's
        response.raw.close()
        return None
    parts: list[bytes] = []
    size = 0
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


def _root(error: BaseException) -> BaseException:
    """Find what lies below the layers that requests and urllib3 wrap around an error."""
    below = getattr(error, "reason", None) or next((a for a in error.args if isinstance(a, Exception)), None)
    return _root(below) if isinstance(below, BaseException) else error
