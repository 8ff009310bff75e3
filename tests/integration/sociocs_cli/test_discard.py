"""`sociocs dead-letters discard`: exactly the letters that are named, when somebody has said yes."""

import io
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ReadTimeoutError

from tests.support.cli_shell import Letters, Shell
from tests.support.mapping import letters as said


def left(shell: Shell) -> set[str]:
    """The keys of what is there still."""
    return {letter["IDEMPOTENCY_KEY"] for letter in said(shell.world)}


class Person(io.StringIO):
    """Somebody at a terminal, who types an answer, and may do something before."""

    def __init__(self, answer: str, before: Callable[[], object] = lambda: None) -> None:
        super().__init__(answer)
        self.before = before

    def isatty(self) -> bool:
        """It is a terminal."""
        return True

    def readline(self, *_: Any) -> str:  # type: ignore[override]  # StringIO's own type is that of bytes
        """Type."""
        self.before()
        return super().readline()


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, answer: str, before: Callable[[], object] = lambda: None) -> None:
    """Somebody sits there and types."""
    monkeypatch.setattr(sys, "stdin", Person(answer, before))


def test_the_named_letters_go_and_no_others(shell: Shell, letters: Letters) -> None:
    """By id or by key, also when several have the same key; what looks like a part of them or a pattern is no name."""
    by_id = letters.ours(key="one")
    for key in ("two", "twofold", "same", "same", "four", ""):
        letters.ours(key=key)

    done = shell("dead-letters", "discard", by_id, "two", "same", "--yes")
    none = shell("dead-letters", "discard", "fou", "*", "", by_id, "--yes", "--json")

    assert done.code == 0
    stack, *found = done.err.splitlines()
    assert stack == f"Stack {shell.world.name} in us-east-1, account 123456789012."
    assert [line.split()[:2] for line in found].count(["to", "discard"]) == len(found) == 4
    assert {line.removeprefix("to discard  ") for line in found} == {
        line.removeprefix("discarded  ") for line in done.out.splitlines()
    }
    assert [line.split()[:2] for line in done.out.splitlines()].count(["discarded", by_id]) == 1
    assert [line.split()[0] for line in done.out.splitlines()] == ["discarded"] * 4
    assert none.code == 1
    assert (none.json["discarded"], none.json["not_found"]) == ([], ["fou", "*", "", by_id])
    assert left(shell) == {"twofold", "four", "key-7"}


def test_it_asks_and_says_what_it_asks_about(shell: Shell, letters: Letters, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code, key, first seen and a recipient of which only the end can be read."""
    body = letters.new() | {"to": "+16175550188", "text": "secret"}
    why = {"ERROR_CODE": "OUTCOME_UNKNOWN", "IDEMPOTENCY_KEY": "k-7", "FIRST_SEEN": "2026-11-20T10:00:00.000Z"}
    letter = letters.put(body, why)

    on_a_terminal(monkeypatch, "n\n")
    no = shell("dead-letters", "discard", "k-7")
    assert left(shell) == {"k-7"}
    letters.world.client("sqs").purge_queue(QueueUrl=letters.world.environment["DEAD_LETTER_QUEUE_URL"])
    letter = letters.put(body, why)
    on_a_terminal(monkeypatch, "y\n")
    yes = shell("dead-letters", "discard", letter)

    assert no.code == 1
    for shown in ("OUTCOME_UNKNOWN", "k-7", "2026-11-20T10:00:00Z", "***88"):
        assert shown in no.err
    for private in ("6175550188", "secret"):
        assert private not in no.err + no.out + yes.err + yes.out
    assert "nothing was discarded" in no.err
    assert yes.code == 0
    assert yes.out.startswith(f"discarded  {letter}  OUTCOME_UNKNOWN  k-7")
    assert left(shell) == set()


def test_without_a_terminal_it_needs_a_yes(shell: Shell, letters: Letters, monkeypatch: pytest.MonkeyPatch) -> None:
    """A script that forgets it deletes nothing, whatever is on its standard input."""
    letters.ours(key="k")
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    done = shell("dead-letters", "discard", "k")

    assert done.code == 2
    assert "--yes" in done.err
    assert left(shell) == {"k"}


def test_one_that_is_not_there_keeps_none_of_the_others(shell: Shell, letters: Letters) -> None:
    """They go, and exit code 1 says that not everything did."""
    letter = letters.ours(key="k")

    done = shell("dead-letters", "discard", "none-such", "k", "--yes", "--json")

    assert done.code == 1
    assert done.err.splitlines()[-1] == "Error: not found: none-such"
    assert letter in done.err.splitlines()[1]
    assert [row["id"] for row in done.json["discarded"]] == [letter]
    assert done.json["discarded"][0]["code"] == "API_REJECTED"
    assert done.json["not_found"] == ["none-such"]
    assert done.json["finished"] is True
    assert left(shell) == set()


def test_without_an_id_it_is_a_wrong_command_line(shell: Shell, letters: Letters) -> None:
    """There is no way to name all of them."""
    letters.ours(key="k")

    assert shell("dead-letters", "discard", "--yes").code == 2
    assert shell("dead-letters", "discard", "--code", "API_REJECTED", "--yes").code == 2
    assert left(shell) == {"k"}


@pytest.mark.parametrize("happens", ["signal", "silence", "refusal"])
def test_what_was_discarded_before_the_end_is_said(happens: str, shell: Shell, letters: Letters) -> None:
    """Ctrl-C, no answer, or a letter that SQS does not delete: what went is told, the rest is there."""
    ids = [letters.ours(key=f"k-{number}") for number in range(25)]
    client, calls = boto3.client("sqs", endpoint_url=shell.world.endpoint_url), list[int]()
    delete = client.delete_message_batch

    def failing(**call: Any) -> Any:
        calls.append(len(call["Entries"]))
        if len(calls) == 2:
            match happens:
                case "signal":
                    os.kill(os.getpid(), signal.SIGINT)
                case "silence":
                    raise ReadTimeoutError(endpoint_url="sqs")
        if len(calls) >= 2 and happens == "refusal":
            return {"Failed": [{"Id": entry["Id"], "Code": "InternalError"} for entry in call["Entries"]]}
        return delete(**call)

    client.delete_message_batch = failing  # type: ignore[method-assign]
    done = shell.with_sqs(client)("dead-letters", "discard", *ids, "--yes", "--json")

    gone = {row["idempotency_key"] for row in done.json["discarded"]}
    assert len(gone) == sum(calls[: 2 if happens == "signal" else 1])
    assert left(shell) == {f"k-{number}" for number in range(25)} - gone
    code, finished, failed = {
        "signal": (130, False, 0),
        "silence": (1, False, calls[1]),
        "refusal": (1, True, 25 - len(gone)),
    }[happens]
    assert (done.code, done.json["finished"], len(done.json["failed"])) == (code, finished, failed)
    assert "run it again" in done.err


def test_a_letter_that_became_another_meanwhile_stays(
    shell: Shell, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody thinks, the letter goes back and fails again: that new one, of the same key, was not shown."""
    letters.ours(key="k")

    def thinks() -> None:
        [old] = shell.world.receive(dead=True)
        url = shell.world.environment["DEAD_LETTER_QUEUE_URL"]
        shell.world.client("sqs").delete_message(QueueUrl=url, ReceiptHandle=old["ReceiptHandle"])
        letters.ours(key="k")

    on_a_terminal(monkeypatch, "y\n", thinks)

    done = shell("dead-letters", "discard", "k", "--json")

    assert done.code == 1
    assert done.json["discarded"] == []
    assert "not there any more" in done.err
    assert left(shell) == {"k"}


@pytest.mark.parametrize(
    ("put", "recipient"),
    [
        (lambda letters: letters.of_eventbridge(), "***23"),
        (lambda letters: letters.of_lambda(events=2), "2 messages"),
        (lambda letters: letters.put("no JSON"), "unknown"),
        (lambda letters: letters.put({"to": "12"}), "***"),
        (lambda letters: letters.put({"to": 16175550123}), "unknown"),
    ],
    ids=["event", "events", "no-json", "short", "number"],
)
def test_the_recipient_is_found_wherever_it_is(put: Any, recipient: str, shell: Shell, letters: Letters) -> None:
    """In any envelope; where it cannot be told, that is said."""
    done = shell("dead-letters", "discard", put(letters), "--yes", "--json").json

    assert done["discarded"][0]["recipient"] == recipient
    assert json.dumps(done).count("5550") == 0
