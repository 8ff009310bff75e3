"""An operator's work in the sandbox: messages are refused, the cause is corrected, a redrive is killed and repeated."""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from sandbox.sandbox import Sandbox, SandboxOptions
from tests.support.builders import message

pytestmark = pytest.mark.timeout(240)  # a dozen starts of the command, on a machine that may be busy

SOCIOCS = Path(sys.executable).with_name("sociocs")
GOOD, WRONG, MALFORMED = 150, 40, 10


@dataclass
class Gate:
    """A proxy before the AWS endpoint that holds one request back. At that moment a test kills the command."""

    endpoint_url: str
    action: str
    """Of SQS."""
    nth: int
    url: str = ""
    reached: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)
    _count: Counter[str] = field(default_factory=Counter)

    def passes(self, action: str) -> bool:
        """Count a request; hold the one that is waited for until all is over."""
        self._count[action] += 1
        if action == self.action and self._count[action] == self.nth:
            self.reached.set()
            self.over.wait()
            return False
        return True


@contextmanager
def gate(endpoint_url: str, action: str, nth: int) -> Iterator[Gate]:
    """Run a gate on a free port."""
    found = Gate(endpoint_url, action, nth)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not found.passes(self.headers.get("X-Amz-Target", "").rpartition(".")[2]):
                self.close_connection = True
                return
            connection = http.client.HTTPConnection(urlsplit(endpoint_url).netloc, timeout=30)
            try:
                connection.request("POST", self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "connection", "transfer-encoding", "server", "date"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        found.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """The stack with its defaults; Sociocs knows one channel key."""
    with Sandbox.start(SandboxOptions(time_scale=60, channel_keys=["ck_main"], functions=2)) as running:
        yield running


@pytest.fixture
def sociocs(sandbox: Sandbox, tmp_path: Path) -> Any:
    """Run the command as an operator does; what it printed, as JSON."""

    def run(*arguments: str, text: str | None = None) -> Any:
        environment = {**os.environ, **sandbox.environment, "XDG_STATE_HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, str(SOCIOCS), *arguments, "--json"],
            env=environment,
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        # After a kill the next run may have to wait for the letters that the killed one holds, and says so.
        assert all(
            line.startswith(("Stack sociocs-message-sender in ", "Waiting ")) for line in done.stderr.splitlines()
        )
        return json.loads(done.stdout)

    return run


def texts(sandbox: Sandbox) -> Counter[str]:
    """How often each text was accepted."""
    return Counter(found.body["text"] for found in sandbox.sociocs.accepted())


def test_refused_messages_go_back_once_also_when_the_command_is_killed(sandbox: Sandbox, sociocs: Any) -> None:
    """Of 200 messages 40 are refused and 10 are malformed. A redrive after the correction sends the 40, each once."""
    good = [message(text=f"good {n}") for n in range(GOOD)]
    wrong = [message(text=f"wrong {n}", channel_key="ck_new") for n in range(WRONG)]
    sent = sociocs("send", "-", text="\n".join(map(json.dumps, good + wrong)))
    assert sent["queued"] == GOOD + WRONG
    for number in range(MALFORMED):
        sandbox.client("sqs").send_message(
            QueueUrl=sandbox.outputs["MessageQueueUrl"], MessageBody=f'{{"text": "bad {number}"'
        )
    sandbox.wait_until_settled(60)
    assert texts(sandbox) == {found["text"]: 1 for found in good}
    codes = {row["code"]: row["count"] for row in sociocs("dead-letters", "list")["codes"]}
    assert codes == {"API_REJECTED": WRONG, "INVALID_MESSAGE": MALFORMED}

    sandbox.sociocs.set_channel_keys(["ck_main", "ck_new"])
    kill_half_way(sandbox)
    sandbox.wait_until_settled(60)
    assert GOOD < sum(texts(sandbox).values()) < GOOD + WRONG
    again = sociocs("dead-letters", "redrive", "--code", "API_REJECTED")
    sandbox.wait_until_settled(60)

    assert 0 < again["returned"] < WRONG
    assert texts(sandbox) == {found["text"]: 1 for found in good + wrong}
    status = sociocs("status")
    assert status["mapping"]["enabled"] is True
    assert status["queue"] | {"oldest_seconds": None} == {
        "visible": 0,
        "in_flight": 0,
        "delayed": 0,
        "oldest_seconds": None,
    }
    left = status["dead_letters"]
    assert [(row["code"], row["count"]) for row in left["codes"]] == [("INVALID_MESSAGE", MALFORMED)]
    assert sorted(letter["Body"] for letter in sandbox.dead_letters()) == sorted(
        f'{{"text": "bad {number}"' for number in range(MALFORMED)
    )

    redrive_while_paused(sandbox, sociocs)


def redrive_while_paused(sandbox: Sandbox, sociocs: Any) -> None:
    """While sending is paused letters wait on the queue; resumed, what cannot succeed comes back with its reason."""
    assert sociocs("pause")["mapping"]["state"] == "Disabled"
    sandbox.pause()  # which also waits for what is under way
    assert sociocs("status")["mapping"]["enabled"] is False
    assert sociocs("dead-letters", "redrive", "--code", "INVALID_MESSAGE")["returned"] == MALFORMED
    assert sociocs("dead-letters", "list")["total"] == 0

    assert sociocs("resume")["mapping"]["enabled"] is True
    sandbox.wait_until_settled(60)
    codes = {row["code"]: row["count"] for row in sociocs("dead-letters", "list")["codes"]}
    assert codes == {"INVALID_MESSAGE": MALFORMED}


def kill_half_way(sandbox: Sandbox) -> None:
    """Kill a redrive, with SIGKILL, between the sending of its third batch and the deleting of it."""
    command = [sys.executable, str(SOCIOCS), "dead-letters", "redrive", "--code", "API_REJECTED"]
    with gate(sandbox.endpoint_url, "DeleteMessageBatch", 3) as held:
        environment = {**os.environ, **sandbox.environment, "AWS_ENDPOINT_URL": held.url}
        process = subprocess.Popen(
            [*command, "--visibility-timeout", "2"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert held.reached.wait(30)
        finally:
            process.kill()
            assert process.wait() == -signal.SIGKILL
