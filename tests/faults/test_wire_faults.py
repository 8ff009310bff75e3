"""Everything that can go wrong between the client and the API, each played by a scripted socket.

Three questions for each fault: what outcome, with which code, and how many complete requests did the server see? The
line between Deferred and Unknown is the moment at which the whole request was handed to the kernel.
"""

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
import trustme

from message_sender.connections import IDLE_SECONDS, Limits
from message_sender.outcome import Accepted, Deferred, ErrorCode, Outcome, Rejected, Unknown
from message_sender.sociocs.api_key import ApiKeySource
from message_sender.sociocs.client import SociocsClient
from message_sender.sociocs.transport import open_session
from tests.support.wire import (
    HTML,
    Drip,
    Hang,
    ReadBytes,
    ReadRequest,
    Reset,
    Script,
    Send,
    Step,
    Wire,
    chunked,
    failure,
    gzipped,
    refused_url,
    response,
    success,
    unanswered_url,
)

APIKEY = "e047nbp2UnWuHD9m:Xqc37DHPGMyF0Z4hWX3Afn1Iyj6j7dPc"
TEXT = "Your order has shipped"
BODY = b'{"provider": "twlo", "channel_key": "ck_main", "to": "+16175551212", "text": "Your order has shipped"}'

# The kernel takes up to 4 MiB of a request that nobody reads (Linux, tcp_wmem): this one is never handed over whole.
LARGE_BODY = b"x" * (16 * 1024 * 1024)

# Seconds. Short where the fault is that time runs out; long elsewhere, so that a loaded machine changes no outcome.
SHORT = 0.3
LONG = 10.0

# More than any fault takes on a loaded machine, and less than the long timeouts: none may end by one of those.
PATIENCE = 8.0

Connect = Callable[..., SociocsClient]


class FixedSecret:
    """The part of Powertools' SecretsProvider that is used: it always has the same secret."""

    def get(self, *_: object, **__: object) -> str:
        """Give the secret."""
        return APIKEY


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Our own certificate authority."""
    return trustme.CA()


@pytest.fixture
def connect(authority: trustme.CA) -> Iterator[Connect]:
    """Make the real client for a base URL; it trusts our certificate authority and no other."""
    sessions = []

    def client(
        base_url: str,
        *,
        connect_timeout: float = LONG,
        read_timeout: float = LONG,
        idle_seconds: float = IDLE_SECONDS,
    ) -> SociocsClient:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(tls)
        limits = Limits(idle_seconds=idle_seconds)
        sessions.append(open_session(base_url, 2, limits, tls))
        return SociocsClient(
            f"{base_url}/message",
            ApiKeySource("secret", cast(Any, FixedSecret()), 300),
            sessions[-1],
            limits,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
        )

    yield client
    for session in sessions:
        session.close()


def server_tls(authority: trustme.CA, host: str = "127.0.0.1") -> ssl.SSLContext:
    """The server's side of TLS, with a certificate for `host`."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(tls)
    return tls


def code_of(outcome: Outcome) -> ErrorCode | None:
    """The outcome's error code; an accepted message has none."""
    return None if isinstance(outcome, Accepted) else outcome.code


def sent(client: SociocsClient, body: bytes = BODY) -> Outcome:
    """Send, and check what holds for every fault: it comes to an end, and tells nothing of the key or the message."""
    started = time.monotonic()
    outcome = client.send(body)
    assert time.monotonic() - started < PATIENCE
    assert APIKEY not in repr(outcome)
    assert TEXT not in repr(outcome)
    return outcome


# --- faults before the request went out -----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_connection_refused(connect: Connect, scheme: str) -> None:
    """Nobody listens: nothing was sent."""
    outcome = sent(connect(refused_url(scheme)))

    assert (type(outcome), code_of(outcome)) == (Deferred, ErrorCode.API_UNREACHABLE)


def test_dns_failure(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host has no address: nothing was sent."""

    def unknown_host(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown_host)
    outcome = sent(connect("https://api.sociocs.invalid"))

    assert (type(outcome), code_of(outcome)) == (Deferred, ErrorCode.API_UNREACHABLE)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_connect_timeout(connect: Connect, scheme: str) -> None:
    """Nobody answers the first packet: nothing was sent."""
    with unanswered_url(scheme) as url:
        outcome = sent(connect(url, connect_timeout=SHORT))

    assert (type(outcome), code_of(outcome)) == (Deferred, ErrorCode.API_UNREACHABLE)


BEFORE_TLS: dict[str, Script] = {
    "closed in the handshake": [ReadBytes(1)],
    "reset in the handshake": [ReadBytes(1), Reset()],
    "no answer in the handshake": [ReadBytes(1), Hang()],
    "plain HTTP on the TLS port": [ReadBytes(1), Send(response(400, HTML, content_type="text/html"))],
}


@pytest.mark.parametrize("script", BEFORE_TLS.values(), ids=BEFORE_TLS.keys())
def test_tls_handshake_fails(connect: Connect, script: Script) -> None:
    """Without a handshake no request can have gone out."""
    with Wire(script, scheme="https") as wire:
        outcome = sent(connect(wire.url, connect_timeout=SHORT if Hang() in script else LONG))

    assert (type(outcome), code_of(outcome)) == (Deferred, ErrorCode.API_UNREACHABLE)
    assert (len(wire.connections), wire.requests) == (1, [])


@pytest.mark.parametrize("fault", ["unknown authority", "another host"])
def test_tls_certificate_is_not_trusted(connect: Connect, authority: trustme.CA, fault: str) -> None:
    """Who cannot prove to be the API gets neither the apikey nor the message."""
    tls = server_tls(trustme.CA()) if fault == "unknown authority" else server_tls(authority, "api.example.com")
    with Wire([ReadRequest(), Send(response(200, success()))], tls=tls) as wire:
        outcome = sent(connect(wire.url))

    assert (type(outcome), code_of(outcome)) == (Deferred, ErrorCode.API_UNREACHABLE)
    assert (wire.requests, sum(each.bytes_received for each in wire.connections)) == ([], 0)


WHILE_SENDING: dict[str, Script] = {
    "reset before anything was read": [Reset()],
    "reset after a part was read": [ReadBytes(10_000), Reset()],
    "nothing is read": [Hang()],
}


@pytest.mark.parametrize("script", WHILE_SENDING.values(), ids=WHILE_SENDING.keys())
def test_request_is_not_taken_to_its_end(connect: Connect, script: Script) -> None:
    """Half a request is no request: nobody can have acted on it."""
    with Wire(script) as wire:
        outcome = sent(connect(wire.url, connect_timeout=SHORT if Hang() in script else LONG), LARGE_BODY)

    assert (type(outcome), code_of(outcome)) == (Deferred, ErrorCode.API_UNREACHABLE)
    assert (len(wire.connections), wire.requests) == (1, [])


# --- faults after the request went out ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fault:
    """What the server does after the request, and what becomes of the message."""

    steps: Script
    outcome: type[Outcome]
    code: ErrorCode | None
    read_timeout: float = LONG


def unknown(*steps: Step) -> Fault:
    """Nobody can say whether the message was accepted."""
    takes_long = any(isinstance(step, Hang | Drip) for step in steps)
    return Fault(steps, Unknown, ErrorCode.OUTCOME_UNKNOWN, SHORT if takes_long else LONG)


def accepted(*steps: Step) -> Fault:
    """Odd, but a whole answer."""
    return Fault(steps, Accepted, None)


HALF_A_HEAD = b"HTTP/1.1 200 OK\r\nContent-Le"
HALF_A_BODY = response(200, success()[:20], content_length=len(success()))
CORRUPT_GZIP = response(200, b"\x1f\x8b not gzip at all", headers={"Content-Encoding": "gzip"})
BAD_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n"
MANY_HEADERS = response(200, success(), headers={f"X-{number}": "1" for number in range(200)})
LONG_DRIP = response(200, success(padding=500))

AFTER_THE_REQUEST: dict[str, Fault] = {
    "no answer at all": unknown(Hang()),
    "closed": unknown(),
    "reset": unknown(Reset()),
    "closed in the status line": unknown(Send(b"HTT")),
    "closed in the head": unknown(Send(HALF_A_HEAD)),
    "reset in the head": unknown(Send(HALF_A_HEAD), Reset()),
    "no end of the head": unknown(Send(HALF_A_HEAD), Hang()),
    "closed in the body": unknown(Send(HALF_A_BODY)),
    "reset in the body": unknown(Send(HALF_A_BODY), Reset()),
    "no end of the body": unknown(Send(HALF_A_BODY), Hang()),
    "closed in the body of a 503": Fault(
        [Send(response(503, failure(), content_length=1000))], Deferred, ErrorCode.API_UNAVAILABLE
    ),
    "no end of the body of a 429": Fault(
        [Send(response(429, failure(), content_length=1000)), Hang()], Deferred, ErrorCode.API_THROTTLED, 1.0
    ),
    "reset in the body of a 400": Fault(
        [Send(response(400, failure(), content_length=1000)), Reset()], Rejected, ErrorCode.API_REJECTED
    ),
    "not HTTP": unknown(Send(b"SSH-2.0-OpenSSH_9.6\r\n")),
    "too many headers": unknown(Send(MANY_HEADERS)),
    "200 with HTML": unknown(Send(response(200, HTML, content_type="text/html"))),
    "200 with nothing": unknown(Send(response(200))),
    "200 with half a JSON": unknown(Send(response(200, success()[:20]))),
    "200 with an array": unknown(Send(response(200, b"[]"))),
    "200 without a message_id": unknown(Send(response(200, b'{"status": "success", "data": {}}'))),
    "200 with null for a message_id": unknown(
        Send(response(200, b'{"status": "success", "data": {"message_id": null}}'))
    ),
    "200 with status error": Fault([Send(response(200, failure()))], Rejected, ErrorCode.API_REJECTED),
    "1 MB": accepted(Send(response(200, success(padding=1_000_000)))),
    "3 MiB": unknown(Send(response(200, success(padding=3 * 1024 * 1024)))),
    "3 MiB without a length": unknown(Send(b"HTTP/1.1 200 OK\r\n\r\n" + success(padding=3 * 1024 * 1024))),
    "gzip that unpacks to 16 MiB": unknown(Send(gzipped(success(padding=16 * 1024 * 1024)))),
    "no length": accepted(Send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" + success())),
    "chunked": accepted(Send(chunked(success()))),
    "chunked without its last chunk": unknown(Send(chunked(success(), ends=False))),
    "chunked with a chunk of no size": unknown(Send(BAD_CHUNK)),
    "gzip": accepted(Send(gzipped(success()))),
    "gzip that is none": unknown(Send(CORRUPT_GZIP)),
    "100 Continue first": accepted(Send(b"HTTP/1.1 100 Continue\r\n\r\n"), Send(response(200, success()))),
    "103 Early Hints first": accepted(
        Send(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n"),
        Send(response(200, success())),
    ),
    "slow drip that ends in time": accepted(Drip(response(200, success()), interval=0.0001)),
    "slow drip of the head": unknown(Drip(LONG_DRIP, interval=0.05)),
    "slow drip of the body": unknown(Send(LONG_DRIP[:-500]), Drip(LONG_DRIP[-500:], interval=0.05)),
    "slow drip of chunks": unknown(Send(chunked(b"")[:-5]), Drip(b"1\r\n \r\n" * 100, interval=0.05)),
}


@pytest.mark.parametrize("transport", ["plain", "tls"])
@pytest.mark.parametrize("fault", AFTER_THE_REQUEST.values(), ids=AFTER_THE_REQUEST.keys())
def test_after_the_request(connect: Connect, authority: trustme.CA, fault: Fault, transport: str) -> None:
    """Whatever follows a request, it was sent exactly once, with the apikey and the body as given."""
    tls = server_tls(authority) if transport == "tls" else None
    with Wire([ReadRequest(), *fault.steps], tls=tls) as wire:
        outcome = sent(connect(wire.url, read_timeout=fault.read_timeout))

    assert (type(outcome), code_of(outcome)) == (fault.outcome, fault.code)
    assert (len(wire.connections), len(wire.requests)) == (1, 1)
    (request,) = wire.requests
    assert (request.method, request.target, request.headers["apikey"], request.body) == (
        "POST",
        "/message",
        APIKEY,
        BODY,
    )


def test_request_is_in_the_kernel_when_nobody_reads(connect: Connect) -> None:
    """A small request that the server has not read yet may still be read: the outcome is unknown."""
    with Wire([Hang()]) as wire:
        outcome = sent(connect(wire.url, read_timeout=SHORT))

    assert (type(outcome), code_of(outcome)) == (Unknown, ErrorCode.OUTCOME_UNKNOWN)
    assert (len(wire.connections), wire.requests) == (1, [])


# --- connections that were kept -------------------------------------------------------------------------------------


ANSWERED: list[Step] = [ReadRequest(), Send(response(200, success()))]


@pytest.mark.parametrize("transport", ["plain", "tls"])
@pytest.mark.parametrize("end", [[], [Reset()]], ids=["closed", "reset"])
def test_kept_connection_ends_while_idle(
    connect: Connect, authority: trustme.CA, end: list[Step], transport: str
) -> None:
    """The next message takes a new connection, and is sent once."""
    tls = server_tls(authority) if transport == "tls" else None
    with Wire([*ANSWERED, *end], [*ANSWERED, Hang()], tls=tls) as wire:
        client = connect(wire.url)
        first = sent(client)
        wire.wait_for_closed(1)
        second = sent(client)

    assert (type(first), type(second)) == (Accepted, Accepted)
    assert [len(connection.requests) for connection in wire.connections] == [1, 1]


def test_kept_connection_is_used_again(connect: Connect) -> None:
    """Two messages, one connection."""
    with Wire([*ANSWERED, *ANSWERED, Hang()]) as wire:
        client = connect(wire.url)
        outcomes = [sent(client), sent(client)]

    assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted]
    assert [len(connection.requests) for connection in wire.connections] == [2]


def test_a_connection_that_was_idle_for_long_is_not_used_again(connect: Connect) -> None:
    """The server may be about to close it, or the function was frozen: a request on it might get no answer."""
    with Wire([*ANSWERED, Hang()], [*ANSWERED, Hang()]) as wire:
        client = connect(wire.url, idle_seconds=0)
        sent(client)
        second = sent(client)

    assert isinstance(second, Accepted)
    assert [len(connection.requests) for connection in wire.connections] == [1, 1]


def test_the_next_request_that_cannot_connect_was_not_sent(connect: Connect) -> None:
    """What the same thread sent before does not count for it."""
    with Wire([*ANSWERED]) as wire:
        client = connect(wire.url)
        first = sent(client)
        wire.wait_for_closed(1)
    second = sent(client)

    assert isinstance(first, Accepted)
    assert (type(second), code_of(second)) == (Deferred, ErrorCode.API_UNREACHABLE)


@pytest.mark.parametrize("end", [[], [Reset()]], ids=["closed", "reset"])
def test_kept_connection_ends_on_the_next_request(connect: Connect, end: list[Step]) -> None:
    """The request went out on a connection that was good: it is not sent a second time."""
    with Wire([*ANSWERED, ReadRequest(), *end], ANSWERED) as wire:
        client = connect(wire.url)
        outcomes = [sent(client), sent(client)]

    assert [type(outcome) for outcome in outcomes] == [Accepted, Unknown]
    assert [len(connection.requests) for connection in wire.connections] == [2]


UNFINISHED: dict[str, list[Step]] = {
    "no answer in time": [Hang()],
    "half an answer": [Send(HALF_A_BODY), Hang()],
    "too large an answer": [Send(response(200, success(padding=3 * 1024 * 1024))), Hang()],
}


@pytest.mark.parametrize("steps", UNFINISHED.values(), ids=UNFINISHED.keys())
def test_connection_of_an_unfinished_answer_is_not_kept(connect: Connect, steps: list[Step]) -> None:
    """What is left of the answer, or comes too late, cannot be taken for the answer to another message."""
    with Wire([ReadRequest(), *steps], [ReadRequest(), Send(response(200, success("Second"))), Hang()]) as wire:
        client = connect(wire.url, read_timeout=1.0)
        outcomes = [sent(client), sent(client)]

    assert (type(outcomes[0]), outcomes[1]) == (Unknown, Accepted("Second"))
    assert [len(connection.requests) for connection in wire.connections] == [1, 1]


@pytest.mark.parametrize("packets", [1, 2])
def test_surplus_answer_is_nobodys(connect: Connect, packets: int) -> None:
    """A server that answers one request twice does not answer the next message with it."""
    first, surplus = response(200, success("First")), response(200, success("Surplus"))
    answers = [Send(first + surplus)] if packets == 1 else [Send(first), Send(surplus)]
    second: list[Step] = [ReadRequest(), Send(response(200, success("Second"))), Hang()]
    with Wire([ReadRequest(), *answers, *second], second) as wire:
        client = connect(wire.url)
        outcomes = [sent(client)]
        wire.wait_for_steps(1 + packets)
        outcomes.append(sent(client))

    assert outcomes == [Accepted("First"), Accepted("Second")]
    assert len(wire.requests) == 2


# --- redirects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["another host", "the same host"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed(connect: Connect, status: int, where: str) -> None:
    """Neither the apikey nor the message goes where a redirect points."""
    with Wire(ANSWERED) as other:
        location = "/elsewhere" if where == "the same host" else f"{other.url}/message"
        with Wire([ReadRequest(), Send(response(status, headers={"Location": location}))], ANSWERED) as wire:
            outcome = sent(connect(wire.url))

    assert (type(outcome), code_of(outcome)) == (Deferred, ErrorCode.API_MISCONFIGURED)
    assert (len(wire.requests), other.connections) == (1, [])


def test_an_answer_that_follows_early_hints_is_not_the_next_requests(connect: Connect) -> None:
    """Two requests on one connection: each gets its own answer, however many interim ones come first."""
    hints = Send(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    first_answer, second_answer = Send(response(200, success("first"))), Send(response(400, failure()))
    answers: list[Step] = [hints, first_answer, ReadRequest(), hints, second_answer]
    with Wire([ReadRequest(), *answers]) as wire:
        client = connect(wire.url)
        first, second = sent(client), sent(client)

    assert first == Accepted("first")
    assert (type(second), code_of(second)) == (Rejected, ErrorCode.API_REJECTED)
    assert len(wire.requests) == 2
    assert len(wire.connections) == 1
