"""The AWS clients' connections: verified, kept, and with a CA bundle that is read once for all of them."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import trustme
from botocore.exceptions import EndpointConnectionError, SSLError

from message_sender import aws
from message_sender.aws import AwsClients


class _Dynamo(BaseHTTPRequestHandler):
    """Answers every call with an empty object, on a connection that stays open."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
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


def test_through_a_proxy_botocore_finds_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shared session knows no proxy, so it stays out of the way."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    sent: list[object] = []
    monkeypatch.setattr(aws.AwsClients, "_send", lambda *_, **__: sent.append(1))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://localhost:1")

    with pytest.raises(EndpointConnectionError):
        AwsClients(threads=1).client("dynamodb").get_item(TableName="ledger", Key={"pk": {"S": "a"}})

    assert not sent
