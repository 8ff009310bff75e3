"""How tests and the sandbox start the simulator and talk to it: typed, and over HTTP only."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlsplit

from sandbox.server_process import ServerProcess
from sandbox.sociocs.record import AcceptedMessage, RecordedRequest
from sandbox.sociocs.script import Rule

P = ParamSpec("P")


def _adds(make_rule: Callable[P, Rule]) -> Callable[Concatenate[SociocsSimulator, P], int]:
    """Return a method that takes what the rule takes, so that its arguments are declared once."""

    def add(self: SociocsSimulator, /, *args: P.args, **conditions_and_effects: P.kwargs) -> int:
        number: int = self._call("POST", "rules", asdict(make_rule(*args, **conditions_and_effects)))
        return number

    return add


class SociocsSimulator:
    """A running simulator at `base_url`, from outside.

    Methods raise ValueError for something that the simulator refuses to do, and OSError when it is not there.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")

    # --- what it saw --------------------------------------------------------------------------------------------

    def requests(self) -> list[RecordedRequest]:
        """The requests to the API since the last reset, oldest first (the newest 128 MiB are kept)."""
        return [RecordedRequest(**request) for request in self._call("GET", "requests")]

    def accepted(self) -> list[AcceptedMessage]:
        """The accepted messages since the last reset, oldest first (the newest 128 MiB are kept)."""
        return [AcceptedMessage(**message) for message in self._call("GET", "accepted")]

    @property
    def count(self) -> int:
        """How many requests came."""
        return self.counts()["requests"]

    @property
    def accepted_count(self) -> int:
        """How many messages were accepted."""
        return self.counts()["accepted"]

    @property
    def waiting(self) -> int:
        """How many requests a rule is holding or delaying at this moment."""
        return self.counts()["waiting"]

    def counts(self) -> dict[str, int]:
        """`requests`, `accepted`, `refused` and `waiting` in one call; they also count what is no longer kept."""
        found: dict[str, int] = self._call("GET", "counts")
        return found

    def wait_for_request(self, count: int = 1, timeout: float = 10) -> list[RecordedRequest]:
        """Wait until `count` requests have come, and return all; TimeoutError after `timeout` seconds."""
        self._wait("requests", count, timeout)
        return self.requests()

    def wait_for_accepted(self, count: int = 1, timeout: float = 10) -> list[AcceptedMessage]:
        """Wait until `count` messages have been accepted, and return all; TimeoutError after `timeout` seconds."""
        self._wait("accepted", count, timeout)
        return self.accepted()

    def wait_for_waiting(self, count: int = 1, timeout: float = 10) -> None:
        """Wait until `count` requests are held or delayed at the same time; TimeoutError after `timeout` seconds."""
        self._wait("waiting", count, timeout)

    # --- what it does -------------------------------------------------------------------------------------------

    rule = _adds(Rule)
    """Put a rule in force, behind those made before it, and return its number. The first rule that applies wins."""

    def hold(self, **conditions: Any) -> int:
        """Hold the requests that meet the conditions of `rule` until they are released."""
        return self.rule(hold=True, **conditions)

    def release(self, rule: int | None = None) -> None:
        """Answer the requests that this rule (or any) holds, and end the rule."""
        self._call("POST", "release", {"rule": rule})

    def clear_rules(self) -> None:
        """End all rules. Held requests are answered."""
        self._call("DELETE", "rules")

    def applied(self, rule: int) -> int:
        """To how many requests a rule in force has applied."""
        applied = {found["number"]: int(found["applied"]) for found in self._call("GET", "rules")}
        return applied[rule]

    def set_apikeys(self, apikeys: Collection[str] | None) -> None:
        """Take only these as valid from now on; None: any that is not empty."""
        self._call("POST", "settings", {"apikeys": None if apikeys is None else list(apikeys)})

    def set_channel_keys(self, channel_keys: Collection[str] | None) -> None:
        """Know only these from now on; None: any that is not empty."""
        self._call("POST", "settings", {"channel_keys": None if channel_keys is None else list(channel_keys)})

    def set_rate_limit(self, requests: int | None, *, seconds: float = 1.0, retry_after: bool = True) -> None:
        """Accept at most `requests` in any `seconds` and answer the others with 429; None: no limit."""
        limit = {"requests": requests, "seconds": seconds, "retry_after": retry_after} if requests else None
        self._call("POST", "settings", {"rate_limit": limit})

    def reset(self) -> None:
        """Forget everything, end every rule, and restore the keys of the start without a rate limit."""
        self._call("POST", "reset")

    def _wait(self, what: str, count: int, timeout: float) -> None:
        reached = self._call("GET", f"wait?what={what}&count={count}&timeout={timeout}", patience=timeout)
        if not reached:
            raise TimeoutError(f"{self.counts()} after {timeout} s, waiting for {count} {what}")

    def _call(self, method: str, action: str, values: object = None, *, patience: float = 0) -> Any:
        # http.client uses no proxy, so a proxy of the environment cannot get between us and loopback.
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
    """Run a simulator while the block lasts, see `simulator_process`."""
    with simulator_process(apikey=apikey, channel_keys=channel_keys) as process:
        yield SociocsSimulator(process.url())
