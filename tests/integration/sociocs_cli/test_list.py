"""`sociocs dead-letters list`: what is in there and why, without taking anything out."""

from collections.abc import Callable
from typing import Any

import boto3
import pytest

from sociocs_cli.summaries import summarize
from tests.support.cli_shell import Letters, Shell
from tests.support.mapping import letters as said


def all_kinds(letters: Letters) -> dict[str, str]:
    """One dead letter of each kind: code -> id."""
    return {
        "API_REJECTED": letters.ours(FIRST_SEEN="2026-11-19T10:00:00.000Z"),
        "MOVED_BY_SQS": letters.moved_by_sqs(),
        "NO_PERMISSIONS": letters.of_eventbridge(),
        "FUNCTION_FAILED": letters.of_lambda(events=2),
        "WITHOUT_CODE": letters.put("by hand"),
    }


def test_every_kind_is_counted(shell: Shell, letters: Letters) -> None:
    """Letters of the function, SQS, EventBridge, Lambda, and those that say nothing, the most frequent first."""
    all_kinds(letters)
    letters.ours(FIRST_SEEN="2026-11-18T10:00:00.000Z")

    done = shell("dead-letters", "list", "--json").json

    assert done["total"] == 6
    assert done["codes"][0] == {"code": "API_REJECTED", "count": 2, "oldest": "2026-11-18T10:00:00Z"}
    assert {row["code"]: row["count"] for row in done["codes"][1:]} == {
        "MOVED_BY_SQS": 1,
        "NO_PERMISSIONS": 1,
        "FUNCTION_FAILED": 1,
        "WITHOUT_CODE": 1,
    }


def test_nothing_is_removed_and_nothing_stays_hidden(shell: Shell, letters: Letters) -> None:
    """After the command every letter can be received at once."""
    for _ in range(23):
        letters.ours()

    assert "API_REJECTED" in shell("dead-letters", "list").out
    assert len(said(shell.world)) == 23


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_gives_everything_back(
    interruption: type[BaseException], shell: Shell, letters: Letters
) -> None:
    """Ctrl-C or an error in the middle hides nothing either."""
    for _ in range(15):
        letters.ours()
    client = boto3.client("sqs", endpoint_url=shell.world.endpoint_url)
    calls: list[str] = []

    def interrupt(model: Any, **_: Any) -> None:
        calls.append(model.name)
        if calls.count("ReceiveMessage") == 2 and model.name == "ReceiveMessage":
            raise interruption

    client.meta.events.register("before-call.sqs", interrupt)

    with pytest.raises(interruption):
        summarize(shell.with_sqs(client).stack)

    assert len(said(shell.world)) == 15


def test_each_letter_with_its_id(shell: Shell, letters: Letters) -> None:
    """`--ids` names every letter; `--code` keeps to one code."""
    ids = all_kinds(letters)

    every = shell("dead-letters", "list", "--ids", "--json").json
    one = shell("dead-letters", "list", "--ids", "--code", "api_rejected")

    assert {row["code"]: row["id"] for row in every["letters"]} == ids
    assert ids["API_REJECTED"] in one.out
    assert "why API_REJECTED" in one.out
    assert ids["MOVED_BY_SQS"] not in one.out


def test_another_code_is_not_no_letters(shell: Shell, letters: Letters) -> None:
    """Whoever mistypes a code must not believe that the queue is empty."""
    for code in ("API_REJECTED", "API_REJECTED", "EXPIRED"):
        letters.ours(code)

    done = shell("dead-letters", "list", "--code", "NOPE")
    as_json = shell("dead-letters", "list", "--code", "NOPE", "--json").json

    assert done.out == "No dead letters with this code; 3 others: 2 API_REJECTED, 1 EXPIRED\n"
    assert (as_json["total"], as_json["codes"]) == (3, [])
    assert [(row["code"], row["count"]) for row in as_json["others"]] == [("API_REJECTED", 2), ("EXPIRED", 1)]
    assert shell("dead-letters", "list", "--json").json["others"] == []


@pytest.mark.parametrize("columns", ["80", "200"])
def test_an_id_can_be_copied(columns: str, shell: Shell, letters: Letters, monkeypatch: pytest.MonkeyPatch) -> None:
    """It stands in one line on any terminal, and so does the key on a narrow one."""
    key = "invoices-2026-11-a-key-as-long-as-many-are-0123456789"
    letter = letters.ours("RETRIES_EXHAUSTED", key=key)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "dumb")

    words = shell("dead-letters", "list", "--ids", terminal=True).out.split()

    assert letter in words
    assert key in words


def test_what_another_reader_holds_is_told(shell: Shell, letters: Letters) -> None:
    """Letters in another's hands cannot be looked at, and are not passed over in silence."""
    letters.ours()
    said(shell.world)  # holds it

    done = shell("dead-letters", "list")

    assert done.out == "No dead letters that could be read.\n"
    assert "1 more letter could not be read" in done.err
    assert shell("dead-letters", "list", "--json").json["total"] == 1


def test_fifo_letters_behind_others_of_their_group_are_told(make_shell: Callable[..., Shell]) -> None:
    """Of a group SQS shows ten at a time: the others are counted as unseen."""
    shell = make_shell(fifo=True)
    letters = Letters(shell.world)
    for number in range(14):
        letters.put(f"bad {number}", {"ERROR_CODE": "INVALID_MESSAGE"}, MessageGroupId="a")

    done = shell("dead-letters", "list", "--json").json

    assert (done["total"], done["unseen"], done["codes"][0]["count"]) == (14, 4, 10)
    assert len(shell.world.receive(dead=True)) == 10
