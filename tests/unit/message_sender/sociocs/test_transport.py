"""The session for Sociocs: proxies, certificates and credentials of the environment."""

import ssl
import subprocess
from pathlib import Path

import pytest
import requests
import trustme

from message_sender.connections import Limits
from message_sender.sociocs.transport import open_session
from tests.support.fake_api import ANSWER, request
from tests.support.wire import ReadRequest, Send, Wire


def test_a_proxy_of_the_environment_leads_to_sociocs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A function in a VPC may have no other way out. What goes through it is known to have been sent, or not."""
    with Wire([ReadRequest(), Send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        limits = Limits()

        with pytest.raises(requests.exceptions.ProxyError):
            request("https://api.sociocs.test", limits, connect_seconds=5)

        assert (proxy.requests[0].method, proxy.requests[0].target) == ("CONNECT", "api.sociocs.test:443")
        assert not limits.was_sent


@pytest.mark.parametrize("no_proxy", ["api.sociocs.test", "*", ".sociocs.test"])
def test_no_proxy_is_heard(no_proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by every other program."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    assert open_session("https://api.sociocs.test", 1, Limits()).proxies == {}


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_ca_bundle_of_the_environment_is_trusted(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that opens TLS has a certificate authority of its own."""
    authority = trustme.CA()
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    if kind == "folder":
        subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server)
    with Wire([ReadRequest(), Send(ANSWER)], tls=server) as wire, pytest.raises(requests.exceptions.SSLError):
        request(wire.url, Limits(), connect_seconds=5)
    with Wire([ReadRequest(), Send(ANSWER)], tls=server) as wire:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle if kind == "file" else tmp_path))
        assert request(wire.url, Limits(), connect_seconds=5).status_code == 200


def test_credentials_of_the_environment_are_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The apikey is the only one."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login planted password planted")
    monkeypatch.setenv("NETRC", str(netrc))
    with Wire([ReadRequest(), Send(ANSWER)]) as wire:
        request(wire.url, Limits(), connect_seconds=5)

    assert "authorization" not in wire.requests[0].headers
