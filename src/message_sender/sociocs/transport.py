"""A requests session for the Sociocs API: our connections, through a proxy where the environment names one."""

import os
import ssl
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies

from message_sender.connections import Limits, limit, tls_context


class _Adapter(HTTPAdapter):
    def __init__(self, limits: Limits, tls: ssl.SSLContext, connections: int) -> None:
        self._limits, self._tls = limits, tls
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # Any: requests' signature
        super().init_poolmanager(*args, ssl_context=self._tls, **options)
        limit(self.poolmanager, self._limits)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:  # Any: requests' signature
        is_new = proxy not in self.proxy_manager
        manager = super().proxy_manager_for(proxy, ssl_context=self._tls, **options)
        if is_new:
            limit(manager, self._limits)
        return manager

    def cert_verify(self, conn: Any, url: str, verify: object, cert: object) -> None:  # noqa: ARG002 - requests' signature
        # The context verifies, with the certificates that it has loaded.
        conn.cert_reqs = "CERT_REQUIRED"


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """Lead nowhere: even when told not to follow, requests reads the whole body, and raises over a bad Location."""


def open_session(url: str, connections: int, limits: Limits, tls: ssl.SSLContext | None = None) -> requests.Session:
    """Open a session for one address.

    Args:
        url: of the API. `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say whether a proxy leads to it.
        connections: how many are kept.
        limits: what each exchange keeps to.
        tls: certificates; otherwise those of `REQUESTS_CA_BUNDLE`, or certifi's.
    """
    session = _Session()
    # No credentials of a .netrc file. The environment is read here, and not again for each request.
    session.trust_env = False
    session.proxies.update(get_environ_proxies(url))
    adapter = _Adapter(limits, tls or tls_context(os.environ.get("REQUESTS_CA_BUNDLE")), connections)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
