"""The simulator over HTTP: what the API page documents, seen by an ordinary client."""

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.sociocs.client import SociocsSimulator

APIKEY = "e047nbp2UnWuHD9m:Xqc37DHPGMyF0Z4hWX3Afn1Iyj6j7dPc"

Post = Callable[..., requests.Response]


def test_a_valid_message_is_accepted_and_kept(post: Post, simulator: SociocsSimulator) -> None:
    """The answer names the message that is then in the inbox, with the JSON as it was sent."""
    response = post(text="Your order has shipped")

    answer = response.json()
    assert (response.status_code, answer["status"]) == (200, "success")
    (message,) = simulator.accepted()
    assert message.message_id == answer["data"]["message_id"]
    assert message.body["text"] == "Your order has shipped"
    (request,) = simulator.requests()
    assert (request.accepted, request.status, request.body) == (True, 200, message.body)


def test_every_message_gets_an_id_of_its_own_even_after_a_reset(post: Post, simulator: SociocsSimulator) -> None:
    """The simulator gives no message id twice."""
    first = post().json()["data"]["message_id"]
    simulator.reset()
    assert post().json()["data"]["message_id"] != first


@pytest.mark.parametrize("apikey", ["", "another:key", APIKEY.lower()])
def test_a_wrong_apikey_is_401_whatever_the_message(post: Post, simulator: SociocsSimulator, apikey: str) -> None:
    """A sender with a wrong apikey is not told what is wrong with the message."""
    response = post(apikey=apikey, to="nobody")

    assert response.status_code == 401
    assert response.json() == {"status": "error", "errors": [{"msg": "Invalid apikey."}]}
    assert simulator.accepted() == []
    assert not simulator.requests()[0].apikey_valid


def test_the_value_of_the_apikey_is_not_kept(post: Post, simulator: SociocsSimulator) -> None:
    """A recorded request has no apikey, valid or not."""
    post()
    post(apikey="wrong:key")

    assert all(secret not in str(simulator.requests()) for secret in (APIKEY, "wrong:key"))
    assert [request.apikey_valid for request in simulator.requests()] == [True, False]


def test_an_invalid_message_is_400_with_every_reason(post: Post) -> None:
    """A refusal has the documented form."""
    response = post(to="nobody", provider=None)

    assert response.status_code == 400
    assert response.json() == {"status": "error", "errors": [{"msg": "provider is required."}, {"msg": "Invalid to."}]}


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"{", "application/json", "Request body must be valid JSON."),
        (b"", "application/json", "Request body must be valid JSON."),
        (b'{"a": NaN}', "application/json", "Request body must be valid JSON."),
        (b"\xff\xfe", "application/json", "Request body must be valid JSON."),
        (b"[" * 100_000, "application/json", "Request body must be valid JSON."),
        (b"[" * 500 + b"]" * 500, "application/json", "Request body must be valid JSON."),
        (b"{}", "text/plain", "Content-Type must be application/json."),
        (b"to=1", "application/x-www-form-urlencoded", "Content-Type must be application/json."),
    ],
)
def test_a_body_that_is_no_json_is_400(
    simulator: SociocsSimulator, session: requests.Session, body: bytes, content_type: str, reason: str
) -> None:
    """Hostile bodies are refused like any other, and do not end the simulator."""
    headers = {"apikey": APIKEY, "Content-Type": content_type}
    response = session.post(f"{simulator.base_url}/message", body, headers=headers, timeout=10)

    assert (response.status_code, response.json()["errors"]) == (400, [{"msg": reason}])
    assert simulator.requests()[0].reasons == [reason]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/messages", 404),
        ("POST", "/", 404),
        ("GET", "/v1/message", 404),
        ("GET", "/message", 405),
        ("PUT", "/message", 405),
        ("BREW", "/message", 405),
    ],
)
def test_other_endpoints_are_404_and_other_methods_405(
    simulator: SociocsSimulator, session: requests.Session, method: str, path: str, status: int
) -> None:
    """A misconfigured sender gets the documented form of an error."""
    response = session.request(method, simulator.base_url + path, headers={"apikey": APIKEY}, timeout=10)

    assert (response.status_code, response.json()["status"]) == (status, "error")


def test_connections_are_kept_alive_and_numbered(post: Post, simulator: SociocsSimulator) -> None:
    """A session uses one connection, also after a refused message."""
    post()
    post(to="nobody")
    post()

    assert len({request.connection for request in simulator.requests()}) == 1


def test_a_chunked_request_is_read(simulator: SociocsSimulator, session: requests.Session) -> None:
    """A sender that does not know the length of its body gets an answer as well."""
    message = {"provider": "twlo", "channel_key": "ck", "to": "16175551212", "text": "x" * 5000}
    body = json.dumps(message).encode()
    headers = {"apikey": APIKEY, "Content-Type": "application/json; charset=utf-8"}
    url = f"{simulator.base_url}/message"
    response = session.post(url, iter([body[:10], body[10:4000], body[4000:]]), headers=headers, timeout=10)

    assert response.status_code == 200
    assert simulator.accepted()[0].body == message


@pytest.mark.parametrize("head", ["Content-Length: many", "Content-Length: 99999999999", "Transfer-Encoding: chunked"])
def test_a_body_that_cannot_be_read_is_400_and_ends_the_connection(simulator: SociocsSimulator, head: str) -> None:
    """Nothing is read into memory without a bound."""
    with socket.create_connection(("127.0.0.1", urlsplit(simulator.base_url).port or 0), timeout=10) as peer:
        peer.sendall(f"POST /message HTTP/1.1\r\nHost: x\r\napikey: {APIKEY}\r\n{head}\r\n\r\nxyz\r\n".encode())
        answer = b"".join(iter(lambda: peer.recv(65536), b""))

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert simulator.requests()[0].status == 400


def test_a_message_of_1_mib_is_accepted(post: Post, simulator: SociocsSimulator) -> None:
    """The largest message that SQS takes arrives unchanged."""
    assert post(text="x" * 1024 * 1024).status_code == 200
    assert len(simulator.accepted()[0].body["text"]) == 1024 * 1024


def test_channel_keys_can_be_limited_and_given_back(post: Post, simulator: SociocsSimulator) -> None:
    """The same message is refused while its channel key is unknown and accepted once it is known."""
    simulator.set_channel_keys(["ck_other"])
    refused: Any = post().json()
    simulator.set_channel_keys(["ck_other", "ck_main"])

    assert refused["errors"] == [{"msg": "Invalid channel_key."}]
    assert post().status_code == 200


def test_apikeys_can_be_rotated(post: Post, simulator: SociocsSimulator) -> None:
    """After a rotation only the new key is valid, after a reset only the first."""
    simulator.set_apikeys(["new:key"])
    rotated = (post().status_code, post(apikey="new:key").status_code)
    simulator.reset()

    assert rotated == (401, 200)
    assert (post().status_code, post(apikey="new:key").status_code) == (200, 401)


@pytest.mark.parametrize("retry_after", [True, False])
def test_a_rate_limit_answers_429(post: Post, simulator: SociocsSimulator, *, retry_after: bool) -> None:
    """Requests beyond the limit are refused, with a Retry-After in seconds if the test wants it."""
    simulator.set_rate_limit(2, seconds=60, retry_after=retry_after)
    responses = [post() for _ in range(3)]

    assert [response.status_code for response in responses] == [200, 200, 429]
    assert responses[2].json()["status"] == "error"
    wait = responses[2].headers.get("Retry-After")
    assert 55 <= int(wait or 0) <= 60 if retry_after else wait is None
    simulator.set_rate_limit(None)
    assert post().status_code == 200
