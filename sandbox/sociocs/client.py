"""How tests and the sandbox start the simulator and talk to it: typed, and over HTTP only."""

from __future__ import annotations

import http.client
import json
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from sandbox.server_process import ServerProcess
from sandbox.sociocs.record import AcceptedMessage, RecordedRequest
from sandbox.sociocs.script import Drop, Rule


class SociocsSimulator:
    """A running simulator at `base_url`, from outside.

    Methods raise ValueError for something the simulator refuses to do and OSError when it is not there.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")

    # --- what it saw --------------------------------------------------------------------------------------------

    def requests(self) -> list[RecordedRequest]:
        """Every request to the API since the last reset, oldest first (the newest 20,000 are kept)."""
        return [RecordedRequest(**request) for request in self._call("GET", "requests")]

    def accepted(self) -> list[AcceptedMessage]:
        """Every accepted message since the last reset, oldest first (the newest 20,000 are kept)."""
        return [AcceptedMessage(**message) for message in self._call("GET", "accepted")]

    @property
    def count(self) -> int:
        """How many requests came, those no longer kept included."""
        return self.counts()["requests"]

    @property
    def accepted_count(self) -> int:
        """How many messages were accepted, those no longer kept included."""
        return self.counts()["accepted"]

    @property
    def waiting(self) -> int:
        """How many requests a rule is holding or delaying at this moment."""
        return self.counts()["waiting"]

    def counts(self) -> dict[str, int]:
        """`requests`, `accepted`, `refused` and `waiting` in one call."""
        found: dict[str, int] = self._call("GET", "counts")
        return found

    def wait_for_request(self, count: int = 1, timeout: float = 10) -> list[RecordedRequest]:
        """Wait until `count` requests have come in full, and return them all; TimeoutError after `timeout` seconds."""
        self._wait("requests", count, timeout)
        return self.requests()

    def wait_for_accepted(self, count: int = 1, timeout: float = 10) -> list[AcceptedMessage]:
        """Wait until `count` messages have been accepted, and return them all; TimeoutError after `timeout` seconds."""
        self._wait("accepted", count, timeout)
        return self.accepted()

    def wait_for_waiting(self, count: int = 1, timeout: float = 10) -> None:
        """Wait until `count` requests are held or delayed at the same time; TimeoutError after `timeout` seconds."""
        self._wait("waiting", count, timeout)

    # --- what it does -------------------------------------------------------------------------------------------

    def rule(
        self,
        *,
        to: str | None = None,
        channel_key: str | None = None,
        text_contains: str | None = None,
        nth: int | Sequence[int] = (),
        times: int | None = None,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        body: Any = None,
        delay_seconds: float = 0,
        hold: bool = False,
        drop: Drop | None = None,
        accept: bool = False,
    ) -> int:
        """Put a rule in force, behind those made before it; the first that applies wins. Returns its number.

        What each argument means is said once, at `sandbox.sociocs.script.Rule`.
        """
        rule = Rule(
            to=to,
            channel_key=channel_key,
            text_contains=text_contains,
            nth=(nth,) if isinstance(nth, int) else tuple(nth),
            times=times,
            status=status,
            headers=headers or {},
            body=body,
            delay_seconds=delay_seconds,
            hold=hold,
            drop=drop,
            accept=accept,
        )
        number: int = self._call("POST", "rules", asdict(rule))
        return number

    def hold(self, **conditions: Any) -> int:
        """Keep the requests that meet the conditions of `rule` waiting for their answer until they are released."""
        return self.rule(hold=True, **conditions)

    def release(self, rule: int | None = None) -> None:
        """Answer what this rule (or any) holds, and end the rule."""
        self._call("POST", "release", {"rule": rule})

    def clear_rules(self) -> None:
        """Behave as documented again; what was held is answered."""
        self._call("DELETE", "rules")

    def applied(self, rule: int) -> int:
        """To how many requests a rule in force has applied."""
        applied = {found["number"]: int(found["applied"]) for found in self._call("GET", "rules")}
        return applied[rule]

    def set_apikeys(self, apikeys: Collection[str] | None) -> None:
        """From now on only these are valid; None: any that is not empty."""
        self._call("POST", "settings", {"apikeys": None if apikeys is None else list(apikeys)})

    def set_channel_keys(self, channel_keys: Collection[str] | None) -> None:
        """From now on the account has only these; None: any that is not empty."""
        self._call("POST", "settings", {"channel_keys": None if channel_keys is None else list(channel_keys)})

    def set_rate_limit(self, requests: int | None, *, seconds: float = 1.0, retry_after: bool = True) -> None:
        """At most `requests` in any `seconds`, the others get 429; None: no limit."""
        limit = {"requests": requests, "seconds": seconds, "retry_after": retry_after} if requests else None
        self._call("POST", "settings", {"rate_limit": limit})

    def reset(self) -> None:
        """Forget everything, end every rule, and take back the keys and the (lack of a) limit of the start."""
        self._call("POST", "reset")

    def _wait(self, what: str, count: int, timeout: float) -> None:
        reached = self._call("GET", f"wait?what={what}&count={count}&timeout={timeout}", patience=timeout)
        if not reached:
            raise TimeoutError(f"{self.counts()} after {timeout} s, waiting for {count} {what}")

    def _call(self, method: str, action: str, values: object = None, *, patience: float = 0) -> Any:
        # http.client knows nothing of proxies, so none of the environment can get between us and loopback.
        connection = http.client.HTTPConnection(urlsplit(self.base_url).netloc, timeout=10 + patience)
        try:
            body = None if values is None else json.dumps(values)
            connection.request(method, f"/_control/{action}", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = json.loads(response.read())
        finally:
            connection.close()
        if response.status != http.client.OK:
            raise ValueError(answer["error"])
        return answer


def simulator_process(*, apikey: str | None = None, channel_keys: Sequence[str] = (), port: int = 0) -> ServerProcess:
    """Start a simulator in a process of its own; it ends with the block or with this process.

    Without `apikey` any is valid; without `channel_keys` every channel key is known; port 0 is a free one.
    """
    module = ["sandbox.sociocs", "--port", str(port)]
    module += ["--apikey", apikey] if apikey else []
    module += [part for key in channel_keys for part in ("--channel-key", key)]
    return ServerProcess("the Sociocs simulator", module)


@contextmanager
def running(*, apikey: str | None = None, channel_keys: Sequence[str] = ()) -> Iterator[SociocsSimulator]:
    """A simulator of one's own while the block lasts, see `simulator_process`."""
    with simulator_process(apikey=apikey, channel_keys=channel_keys) as process:
        yield SociocsSimulator(process.url())
