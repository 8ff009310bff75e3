"""`sociocs dead-letters show`: one letter, masked unless somebody asks for what it says."""

import json
from typing import Any

import pytest

from tests.support.builders import sns_notification
from tests.support.cli_shell import Letters, Shell, run
from tests.support.mapping import letters as said
from tests.support.slow_queue import Letter as Waiting
from tests.support.slow_queue import SlowQueue
from tests.support.stacks import stack_on

PRIVATE = {"to": "+16175550188", "name": "Dorothea", "text": "Your code is 493817", "user_id": "u-55871"}


def test_a_letter_is_shown_with_its_message_masked(shell: Shell, letters: Letters) -> None:
    """Everything about it, by id or key, and its shape; not what it says, unless it is asked for."""
    body = letters.new(metadata={"reference": "order-7", "idempotency_key": "k-7"}) | PRIVATE
    why = {"ERROR_CODE": "API_REJECTED", "ERROR_MESSAGE": "Sociocs answered 400", "IDEMPOTENCY_KEY": "k-7"}
    letter = letters.put(body, {**why, "note": "for Dorothea"})

    masked = shell("dead-letters", "show", letter)
    as_json = shell("dead-letters", "show", "k-7", "--json").json
    revealed = shell("dead-letters", "show", "k-7", "--reveal")

    for shown in (letter, "API_REJECTED", "Sociocs answered 400", "order-7", "k-7", '"provider": "twlo"', '"text"'):
        assert shown in masked.out
    for private in (*PRIVATE.values(), "Dorothea"):
        assert private not in masked.out
        assert private not in json.dumps(as_json)
        assert private in revealed.out
    assert len(said(shell.world)) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("call +16175550188, Dorothea", id="text"),
        pytest.param(sns_notification(json.dumps(PRIVATE), Subject="Dorothea"), id="sns"),
        pytest.param({"id": "+16175550188", "Dorothea Brooke": {"source": "493817"}, "provider": "Dorothea"}, id="odd"),
        pytest.param([{"metadata": {"note": "Dorothea", "reference": ["493817"]}}], id="array"),
    ],
)
def test_whatever_a_letter_holds_is_masked(body: Any, shell: Shell, letters: Letters) -> None:
    """Also in envelopes, in fields of other names, and in what is no JSON."""
    letters.put(body, {"ERROR_CODE": "INVALID_MESSAGE"})

    shown = shell("dead-letters", "show").out

    for private in ("6175550188", "Dorothea", "493817", "55871"):
        assert private not in shown


def test_what_a_terminal_would_act_on_is_not_printed(shell: Shell, letters: Letters) -> None:
    """A message with escape sequences of a terminal, or with rich's markup, is shown as text."""
    letters.put("[red]plain", {"ERROR_CODE": "X", "ERROR_MESSAGE": "[bold]no\u009b2J"})

    shown = shell("dead-letters", "show", "--reveal").out

    assert "[red]plain" in shown
    assert "[bold]no\\x9b2J" in shown


def test_a_body_of_half_a_character_is_shown() -> None:
    """A lone surrogate is no UTF-8; JSON has a way to write it, and a terminal gets its number."""
    body = 'half a \ud83d: "ü"'
    queue = SlowQueue(letters={"id": Waiting(body, {})})

    for extra in (["--json"], []):
        done = run("dead-letters", "show", "--reveal", *extra, open_stack=lambda *_: stack_on(sqs=queue))
        assert done.code == 0
        assert (done.json["body"] == body) if extra else ("half a \\xd83d" in done.out)


@pytest.mark.parametrize("wanted", [["none-such"], ["--code", "EXPIRED"]])
def test_a_letter_that_is_not_there(wanted: list[str], shell: Shell, letters: Letters) -> None:
    """Exit code 1, and a line that says so."""
    letters.ours()

    done = shell("dead-letters", "show", *wanted)

    assert (done.code, done.err) == (1, "Error: there is no such dead letter\n")


AT = {"UNKNOWN_ATTEMPT": "a", "ATTEMPTED_AT": "2026-11-20T18:30:00.250Z"}


@pytest.mark.parametrize("columns", ["80", "200"])
def test_the_moment_of_an_unknown_attempt_is_shown(
    columns: str, shell: Shell, letters: Letters, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks in Sociocs at the time of first seen, eight hours earlier, finds nothing, and sends it twice."""
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "dumb")
    unknown, other = letters.ours("OUTCOME_UNKNOWN", **AT), letters.ours()

    page = shell("dead-letters", "show", unknown)
    listed = shell("dead-letters", "list", "--ids", terminal=True)
    rows = shell("dead-letters", "list", "--ids", "--json").json["letters"]

    assert "attempted at" in page.out
    assert "2026-11-20T18:30:00Z" in page.out
    assert "Look in Sociocs whether it was sent at about 2026-11-20T18:30:00Z." in page.err
    assert f"sociocs dead-letters redrive {unknown}" in page.err
    assert "2026-11-20T18:30:00Z" in listed.out
    assert {row["id"]: row["attempted_at"] for row in rows} == {unknown: "2026-11-20T18:30:00Z", other: None}
    assert shell("dead-letters", "show", unknown, "--json").json["attempted_at"] == "2026-11-20T18:30:00Z"


def test_without_a_moment_none_is_shown(shell: Shell, letters: Letters) -> None:
    """Of letters without an unknown attempt, and of one that does not say when it was made, or says nonsense."""
    letters.ours()
    silent = letters.ours("OUTCOME_UNKNOWN", UNKNOWN_ATTEMPT="a", ATTEMPTED_AT="soon")

    for arguments in (["list", "--ids"], ["show", silent], ["show"]):
        done = shell("dead-letters", *arguments)
        assert "ttempted at" not in done.out
        assert "at about" not in done.err


def test_discard_says_the_moment_of_an_unknown_attempt(shell: Shell, letters: Letters) -> None:
    """It is what the decision goes by."""
    unknown = letters.ours("OUTCOME_UNKNOWN", **AT)

    done = shell("dead-letters", "discard", unknown, "--yes")

    assert "attempted at 2026-11-20T18:30:00Z" in done.err
    assert "attempted at 2026-11-20T18:30:00Z" in done.out
