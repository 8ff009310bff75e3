"""`sociocs status`, and what every command says when it cannot work."""

import pytest

from cli.main import sociocs
from shell import Letters, Shell


def test_status_without_a_mapping_says_so(shell: Shell) -> None:
    """What AWS refuses is one line, and exit code 1."""
    done = shell("status")

    assert done.code == 1
    assert done.err.startswith("Error: GetEventSourceMapping failed: ResourceNotFoundException")


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
    monkeypatch.setattr("cli.stack.Stack.config", None, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/none")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for name, value in changes.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)

    done = shell.bare("dead-letters", "list")

    assert done.code == 1
    assert words in done.err


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
