"""A report that cannot be written changes no work: every command, with every kind of standard output and error."""

import json
from pathlib import Path

import pytest

from tests.support.aws_clients import until_next_second
from tests.support.builders import message
from tests.support.cli_shell import Letters, Shell
from tests.support.mapping import Mapping
from tests.support.mapping import letters as said
from tests.support.outputs import KINDS, Done, run_all

KEY = "Bestellung-1001-€-😀"


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Two messages, of which the second has a key that few encodings have."""
    path = tmp_path / "mixed.jsonl"
    first = message(text="first, no key of its own")
    second = message(text="second", metadata={"idempotency_key": KEY})
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in (first, second)), encoding="utf-8")
    return str(path)


def all_of(done: list[Done]) -> list[int]:
    """The exit codes, after a look at what every one of them must not say."""
    for one in done:
        assert "Traceback" not in one.err
        assert "Exception ignored" not in one.err
    return [one.code for one in done]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_queued_is_remembered_whatever_can_be_printed(
    kind: str, file: str, shell: Shell, tmp_path: Path
) -> None:
    """A rerun is harmless: each of the two messages is sent once, and both runs end with 0."""
    stack = ["--stack", shell.world.name]

    first, second = run_all([["send", file, *stack], ["send", file, *stack, "--json"]], tmp_path, out=kind)

    assert all_of([first, second]) == [0, 0]
    mapping = Mapping(shell.world)
    while mapping.depth():
        mapping.turn()
        mapping.end_waits()
    assert sorted(found.body["text"] for found in shell.world.sociocs.accepted()) == [
        "first, no key of its own",
        "second",
    ]
    printed = {
        "utf-8": f"queued  {KEY}  message 2 (line 2)\n".encode(),
        "cp1252": b"queued  Bestellung-1001-\x80-\\U0001f600  message 2 (line 2)\n",
        "ascii": b"queued  Bestellung-1001-\\u20ac-\\U0001f600  message 2 (line 2)\n",
    }
    assert first.out.endswith(printed.get(kind, b""))
    assert ("The result could not be written" in first.err) == (kind in ("full", "closed"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_ends_as_its_work_went(
    kind: str, file: str, shell: Shell, letters: Letters, tmp_path: Path
) -> None:
    """With the exit code of the work, and without a traceback."""
    for key in (KEY, "stays", "goes"):
        letters.ours(key=key, ERROR_MESSAGE=f"why {KEY}")
    until_next_second()
    stack = ["--stack", shell.world.name]
    commands = [
        ["--help"],
        ["--version"],
        ["dead-letters", "list", *stack],
        ["dead-letters", "list", "--ids", *stack],
        ["dead-letters", "list", "--ids", "--json", *stack],
        ["dead-letters", "show", KEY, "--reveal", *stack],
        ["dead-letters", "show", "none-such", *stack],
        ["send", file, "--dry-run", *stack],
        ["send", "none-such", *stack],
        ["dead-letters", "redrive", "--dry-run", *stack],
        ["dead-letters", "redrive", "goes", *stack],
        ["dead-letters", "discard", KEY, "--yes", *stack],
        ["dead-letters", "discard", KEY, "--yes", *stack],
        ["status", *stack],  # which needs a mapping
        ["pause", "--stack", "none-such"],
    ]

    done = run_all(commands, tmp_path, out=kind)

    assert all_of(done) == [0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 1, 1, 1]
    assert {letter["IDEMPOTENCY_KEY"] for letter in said(shell.world)} == {"stays"}
    assert len(shell.world.receive()) == 1


@pytest.mark.parametrize("kind", ["full", "pipe", "closed"])
def test_nothing_is_discarded_that_could_not_be_said_before(
    kind: str, shell: Shell, letters: Letters, tmp_path: Path
) -> None:
    """What is going to be deleted is said on standard error first. Without that nobody would know what was there."""
    letters.ours(key="k")
    letters.ours("OUTCOME_UNKNOWN", key="u")

    done = run_all(
        [
            ["dead-letters", "discard", "k", "--yes", "--stack", shell.world.name],
            ["dead-letters", "list", "--ids", "--stack", shell.world.name],
        ],
        tmp_path,
        err=kind,
    )

    assert all_of(done) == [1, 0]
    assert {letter["IDEMPOTENCY_KEY"] for letter in said(shell.world)} == {"k", "u"}
