"""Which letters go back: a decision to send something once more is about letters that somebody has seen."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sociocs_cli.choice import Choice
from sociocs_cli.letters import Letter
from tests.support.cli_shell import run

SEEN = datetime(2026, 11, 24, 10, tzinfo=UTC)


def letter(code: str | None, after: float = -1.0) -> Letter:
    """A letter that was written so many seconds after the look."""
    attributes = {"IDEMPOTENCY_KEY": "key", **({"ERROR_CODE": code} if code else {})}
    received: Any = {
        "MessageId": "id",
        "ReceiptHandle": "receipt",
        "Body": "{}",
        "Attributes": {"SentTimestamp": str(int((SEEN.timestamp() + after) * 1000))},
        "MessageAttributes": {n: {"DataType": "String", "StringValue": v} for n, v in attributes.items()},
    }
    return Letter("https://queue/dead", received)


@pytest.mark.parametrize(
    ("choice", "found", "goes"),
    [
        pytest.param(Choice(names=frozenset({"id"})), letter("OUTCOME_UNKNOWN"), True, id="by-id"),
        pytest.param(Choice(names=frozenset({"key"})), letter("OUTCOME_UNKNOWN"), True, id="by-key"),
        pytest.param(Choice(), letter("OUTCOME_UNKNOWN"), False, id="everything"),
        pytest.param(Choice(seen_before=SEEN), letter("OUTCOME_UNKNOWN"), False, id="everything-that-was-seen"),
        pytest.param(
            Choice(codes=frozenset({"OUTCOME_UNKNOWN"})), letter("OUTCOME_UNKNOWN"), False, id="by-code-alone"
        ),
        pytest.param(Choice(), letter("INVALID_MESSAGE"), False, id="hopeless"),
        pytest.param(Choice(codes=frozenset({"INVALID_MESSAGE"})), letter("INVALID_MESSAGE"), True, id="hopeless-code"),
        pytest.param(Choice(names=frozenset({"id"})), letter("INVALID_MESSAGE"), True, id="hopeless-id"),
        pytest.param(Choice(), letter("API_REJECTED"), True, id="ordinary"),
        pytest.param(Choice(), letter(None), True, id="without-code-with-a-key-that-the-ledger-knows"),
    ],
)
def test_a_chosen_letter_goes_only_when_it_may(choice: Choice, found: Letter, *, goes: bool) -> None:
    """Unknown outcomes need a name, or the code with a time; what would fail again needs a name or its code."""
    assert choice.has(found)
    assert (choice.why_not(found) is None) is goes


@pytest.mark.parametrize(("after", "chosen"), [(-0.001, True), (0.0, False), (60.0, False)])
def test_seen_before_is_about_when_the_letter_was_written(after: float, *, chosen: bool) -> None:
    """Not about when its message was first seen, which may be hours earlier: nobody has seen a letter of later."""
    choice = Choice(codes=frozenset({"OUTCOME_UNKNOWN"}), seen_before=SEEN)
    found = letter("OUTCOME_UNKNOWN", after)

    assert choice.has(found) is chosen
    assert choice.why_not(found) is None
    assert choice.decides_to_resend(found)


@pytest.mark.parametrize(
    "choice",
    [
        Choice(names=frozenset({"id"}), codes=frozenset({"API_REJECTED"})),
        Choice(codes=frozenset({"OUTCOME_UNKNOWN"})),
        Choice(codes=frozenset({"API_REJECTED", "WITHOUT_CODE"})),
    ],
)
def test_a_decision_about_a_code_alone_is_none(choice: Choice) -> None:
    """New letters may have come since the operator looked."""
    assert choice.problem()


def test_a_named_code_decides_about_no_other() -> None:
    """A letter of another code that names an attempt goes back undecided."""
    choice = Choice(codes=frozenset({"API_REJECTED", "OUTCOME_UNKNOWN"}), seen_before=SEEN)

    assert choice.problem() is None
    assert not choice.decides_to_resend(letter("API_REJECTED"))
    assert choice.decides_to_resend(letter("OUTCOME_UNKNOWN"))


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("yesterday", "is not a time"),
        ("2026-11-24T10:00:00", "has no offset"),
        ("9999-12-31T00:00:00Z", "is in the future"),
    ],
)
def test_a_time_that_cannot_be_one_is_a_wrong_command_line(time: str, words: str) -> None:
    """A time in the future would be a decision about letters that nobody has seen."""
    done = run("dead-letters", "redrive", "--code", "OUTCOME_UNKNOWN", "--seen-before", time)

    assert done.code == 2
    assert words in " ".join(done.err.split())
