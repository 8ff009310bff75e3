"""What every command says when it cannot work."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sociocs_cli.main import sociocs
from sociocs_cli.stack import Stack
from tests.support.builders import message
from tests.support.cli_shell import Letters, Shell, run
from tests.support.stacks import stack_on


def test_a_stack_that_is_not_there_is_named(shell: Shell) -> None:
    """The line says what to give."""
    done = shell.bare("status", "--stack", "none-such")

    assert done.code == 1
    assert "there is no stack none-such in us-east-1: give --stack or set SOCIOCS_STACK" in done.err


def test_the_stack_may_come_from_the_environment(
    shell: Shell, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SOCIOCS_STACK is as good as --stack."""
    letters.ours()
    monkeypatch.setenv("SOCIOCS_STACK", shell.world.name)

    assert "API_REJECTED" in shell.bare("dead-letters", "list").out


def test_the_endpoint_may_come_from_an_option(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """--endpoint-url is as good as AWS_ENDPOINT_URL."""
    monkeypatch.delenv("AWS_ENDPOINT_URL")

    assert shell("dead-letters", "list", "--endpoint-url", shell.world.endpoint_url).out == "No dead letters.\n"


def test_another_stack_is_told_apart(shell: Shell) -> None:
    """A stack without our outputs is not ours."""
    template = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'
    shell.world.client("cloudformation").create_stack(StackName=f"{shell.world.name}-other", TemplateBody=template)

    done = shell.bare("dead-letters", "list", "--stack", f"{shell.world.name}-other")

    assert done.code == 1
    assert "has no output MessageDeadLetterQueueUrl" in done.err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "AWS_CONFIG_FILE": "/none"}, "no AWS credentials"),
        ({"AWS_REGION": None, "AWS_DEFAULT_REGION": None, "AWS_CONFIG_FILE": "/none"}, "no AWS region"),
        ({"AWS_PROFILE": "none-such"}, "none-such"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "AWS does not answer"),
    ],
    ids=["credentials", "region", "profile", "endpoint"],
)
def test_what_is_missing_is_said_in_one_line(
    changes: dict[str, str | None], words: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback, exit code 1, and what to do."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/none")
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)

    done = shell.bare("dead-letters", "list")

    assert done.code == 1
    assert words in done.err


@pytest.fixture
def no_shell(monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command without any world to run on."""
    for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}.items():
        monkeypatch.setenv(name, value)
    return Shell(None)  # type: ignore[arg-type]


MAPPING = "00000000-0000-4000-8000-000000000000"


class NotAws(BaseHTTPRequestHandler):
    """Says the same to every request, as a proxy's page or some other server does."""

    status, body = 200, b""

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    do_GET = do_POST  # noqa: N815 - http.server's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@contextmanager
def not_aws() -> Iterator[str]:
    """Run it; its address."""
    with HTTPServer(("127.0.0.1", 0), NotAws) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"hello"), (200, b"<html>hello</html>"), (404, b"<html>no</html>"), (200, b"")]
)
def test_an_endpoint_that_is_not_aws_is_said_in_one_line(
    status: int, body: bytes, no_shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Botocore falls over its answer in several ways; each of them is the same mistake."""
    monkeypatch.setattr(NotAws, "status", status)
    monkeypatch.setattr(NotAws, "body", body)
    with not_aws() as url:
        done = no_shell.bare("dead-letters", "list", "--endpoint-url", url)

    assert done.code == 1
    assert done.err.startswith("Error: what answers at http://127.0.0.1:")
    assert "is not AWS: check --endpoint-url" in done.err
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("body", [b"{}", b"", b"<html>egress proxy</html>"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["dead-letters", "list"],
        ["dead-letters", "redrive"],
        ["dead-letters", "discard", "k", "--yes"],
        ["status"],
        ["pause"],
        ["send", "FILE"],
    ],
    ids=" ".join,
)
def test_an_answer_of_success_that_is_not_of_aws_is_none(
    arguments: list[str], body: bytes, no_shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An egress proxy answers 200 to everything: nothing was read, queued, deleted or paused, and that is said."""
    monkeypatch.setattr(NotAws, "status", 200)
    monkeypatch.setattr(NotAws, "body", body)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = tmp_path / "m.json"
    file.write_text(json.dumps(message()))

    with not_aws() as url:

        def open_stack(name: str, *_: str | None) -> Stack:
            stack = no_shell.open_stack(name, "us-east-1", None, url)
            stack.description = stack_on(EventSourceMappingId=MAPPING).description
            return stack

        done = run(*(str(file) if word == "FILE" else word for word in arguments), open_stack=open_stack)

    assert done.code == 1
    assert "what answers is not AWS: check the network and --endpoint-url" in done.err
    assert not re.search(r"^(queued|discarded|Sending is|No dead letters)", done.out, re.MULTILINE)


@pytest.mark.parametrize("url", ["foo", "http://", "http://host:port", "http://[::1", "ftp://host"])
@pytest.mark.parametrize("by_option", [True, False], ids=["option", "environment"])
def test_an_endpoint_that_is_no_address_is_a_wrong_command_line(
    url: str, no_shell: Shell, monkeypatch: pytest.MonkeyPatch, *, by_option: bool
) -> None:
    """Wherever it comes from."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1" if by_option else url)

    done = no_shell.bare("dead-letters", "list", *(["--endpoint-url", url] if by_option else []))

    assert done.code == 2
    assert f"{url!r} is not an address" in done.err
    assert ("AWS_ENDPOINT_URL" in done.err) is not by_option


def test_an_empty_endpoint_counts_as_not_given(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a variable of a script that is not set."""
    assert shell("dead-letters", "list", "--endpoint-url", "").out == "No dead letters.\n"


@pytest.mark.parametrize(
    "arguments",
    [["no-such-command"], ["send"], ["send", "/none"], ["dead-letters", "redrive", "--limit", "0"], ["status", "--no"]],
    ids=" ".join,
)
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str], shell: Shell) -> None:
    """With a line that says what is wrong."""
    done = shell.bare(*arguments)

    assert done.code == 2
    assert "Error:" in done.err


def test_every_command_has_help_and_json(shell: Shell) -> None:
    """`--help` and `--json` are there on each of them."""
    dead_letters = sociocs.commands["dead-letters"]
    assert isinstance(dead_letters, type(sociocs))
    for words in (
        ["send"],
        ["status"],
        ["pause"],
        ["resume"],
        *(["dead-letters", name] for name in dead_letters.commands),
    ):
        done = shell.bare(*words, "--help")
        assert done.code == 0
        assert "--json" in done.out
        assert "--stack" in done.out
