"""An API that answers as a test says: a session, apikeys, and one message that is sent with them."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests
from urllib3.response import HTTPResponse

from message_sender.connections import Limits
from message_sender.outcome import Outcome
from message_sender.sociocs.api_key import ApiKey, ApiKeyUnavailableError
from message_sender.sociocs.client import SociocsClient
from message_sender.sociocs.transport import open_session
from tests.support.clock import FakeClock

BODY = b'{"to":"+16175550123","text":"Hello"}'
SUCCESS = b'{"status":"success","data":{"message_id":"Xyz12345"}}'
ERROR = b'{"status":"error","errors":[{"msg":"Invalid channel_key."}]}'
NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)


@dataclass
class FakeKeys:
    """An apikey that can be refreshed; counts how often."""

    refreshed: int = 0
    missing: bool = False
    good: str = ""

    def get(self) -> ApiKey:
        """See `ApiKeySource.get`."""
        if self.missing:
            raise ApiKeyUnavailableError("the secret is empty")
        return ApiKey("key-0")

    def refresh(self, refused: ApiKey) -> ApiKey:
        """See `ApiKeySource.refresh`."""
        assert refused.generation == self.refreshed
        self.refreshed += 1
        return ApiKey(f"key-{self.refreshed}", self.refreshed)

    def accepted(self, key: ApiKey) -> None:
        """See `ApiKeySource.accepted`."""
        self.good = key.value

    def is_good(self, key: ApiKey) -> bool:
        """See `ApiKeySource.is_good`."""
        return self.good == key.value


@dataclass
class FakeSession:
    """Answers each request with the next of its answers, the last one for ever; an exception is raised."""

    answers: Iterator[Any]
    limits: Limits
    hands_over: bool = True
    """The whole request gets to the network."""
    sent: int = 0
    headers: list[Any] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:
        """Answer, or fail."""
        assert request.body == BODY
        self.sent += 1
        self.headers.append(request.headers)
        self.limits.was_sent = self.hands_over
        answer = next(self.answers)
        if isinstance(answer, BaseException):
            raise answer
        status, headers, body = answer
        response = requests.Response()
        response.status_code = status
        response.headers.update(headers)
        response.raw = HTTPResponse(io.BytesIO(body), headers=headers, status=status, preload_content=False)
        return response


def outcome_of(
    *answers: Any,
    keys: FakeKeys | None = None,
    answer_by: float = float("inf"),
    hands_over: bool = True,
    clock: FakeClock | None = None,
) -> tuple[Outcome, FakeSession]:
    """Send one message to a session that gives these answers."""
    limits = Limits()
    session = FakeSession(iter(answers), limits, hands_over)
    client = SociocsClient(
        "http://127.0.0.1/message",
        keys or FakeKeys(),  # type: ignore[arg-type]  # a fake
        session,  # type: ignore[arg-type]  # a fake
        limits,
        connect_timeout=1,
        read_timeout=1,
        clock=clock or FakeClock(),
    )
    return client.send(BODY, answer_by), session


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def request(url: str, limits: Limits, connect_seconds: float) -> requests.Response:
    """Make one request."""
    session = open_session(url, 1, limits)
    session.trust_env = False
    try:
        return session.post(f"{url}/message", data=b"{}", timeout=(connect_seconds, 5))
    finally:
        session.close()
