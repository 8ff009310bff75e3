"""The AWS clients' connections: verified, kept, and with a CA bundle that is read once for all of them."""

import ssl
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from botocore.exceptions import SSLError

from message_sender.aws import AWS_ERRORS, CALL_SECONDS, AwsClients, NotFromAwsError
from tests.support.answering import answering
from tests.support.clock import AheadClock
from tests.support.wire import Drip, Hang, ReadRequest, Send, Step, Wire


class _Dynamo(BaseHTTPRequestHandler):
    """Answers every call with an empty object, on a connection that stays open."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.send_header("x-amzn-requestid", "b1946ac9-2492-5b8d-9f6b-c8ae9a6f1f0f")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def authority() -> trustme.CA:
    """Signs the server's certificate."""
    return trustme.CA()


@pytest.fixture
def endpoint(authority: trustme.CA) -> Iterator[str]:
    """The URL of a DynamoDB that answers over TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Dynamo)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"https://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def put(endpoint: str, monkeypatch: pytest.MonkeyPatch, times: int = 1) -> None:
    """Make calls, each on a connection of its own."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    client = AwsClients(threads=4).client("dynamodb")
    together = threading.Barrier(times, timeout=10)

    def call() -> None:
        together.wait()
        client.put_item(TableName="ledger", Item={"pk": {"S": "a"}})

    threads = [threading.Thread(target=call) for _ in range(times - 1)]
    for thread in threads:
        thread.start()
    call()
    for thread in threads:
        thread.join()


def test_the_ca_bundle_is_read_once(
    endpoint: str, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four connections, one reading; botocore alone reads it for each."""
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    read: list[object] = []
    load = ssl.SSLContext.load_verify_locations

    def note(context: ssl.SSLContext, *given: Any, **options: Any) -> None:
        read.append(given or options)
        load(context, *given, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", note)

    put(endpoint, monkeypatch, times=4)

    assert len(read) == 1


def test_a_certificate_of_nobody_known_is_refused(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shared context verifies as botocore's own does."""
    with pytest.raises(SSLError):
        put(endpoint, monkeypatch)


# --- an end to every call ---------------------------------------------------------------------------------------------


def call(url: str) -> float:
    """Make a call that fails; the seconds it took."""
    client = AwsClients(threads=1, endpoint_url=url).client("dynamodb")
    started = time.monotonic()
    with pytest.raises(AWS_ERRORS):
        client.get_item(TableName="ledger", Key={"pk": {"S": "a"}})
    return time.monotonic() - started


@pytest.mark.parametrize("steps", [[Hang()], [ReadRequest(), Hang()], [ReadRequest(), Drip(b" " * 10_000, 0.05)]])
def test_a_call_ends_whatever_the_endpoint_does(steps: list[Step]) -> None:
    """Nobody reads, nobody answers, or a byte comes now and then: the second try has what the first left."""
    with Wire(steps, steps) as wire:
        assert call(wire.url) < CALL_SECONDS + 0.5


def test_an_answer_without_aws_request_id_is_none() -> None:
    """An egress proxy's page is no item that is not there: the key would be taken for free."""
    with answering(b"<html>Log in</html>") as url:
        client = AwsClients(threads=1, endpoint_url=url).client("dynamodb")
        with pytest.raises(NotFromAwsError, match="not from AWS"):
            client.put_item(TableName="ledger", Item={"pk": {"S": "a"}})


def test_an_idle_connection_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a freeze it is dead, and the call would fail."""
    answer = Send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-amzn-requestid: b1946ac9-2492-5b8d-9f6b-c8ae9a6f1f0f\r\n\r\n{}"
    )
    script: list[Step] = [ReadRequest(), answer, ReadRequest(), answer]
    with Wire(script, script) as wire:
        clock = AheadClock()
        client = AwsClients(threads=1, endpoint_url=wire.url, clock=clock).client("dynamodb")
        for seconds in (0, 1, 600):  # the third call comes after a freeze
            clock.seconds = seconds
            client.get_item(TableName="ledger", Key={"pk": {"S": "a"}})

        assert [len(connection.requests) for connection in wire.connections] == [2, 1]


def test_a_proxy_is_used_as_botocore_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function in a VPC may have no other way out."""
    with Wire([ReadRequest(), Hang()], [ReadRequest(), Hang()]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        call("https://dynamodb.us-east-1.amazonaws.com")

        assert (proxy.requests[0].method, proxy.requests[0].target) == (
            "CONNECT",
            "dynamodb.us-east-1.amazonaws.com:443",
        )
