"""Which input is which run: the same input is the same run, a changed one is another, and a name decides."""

import os
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from sociocs_cli.runs import KEPT, LONGEST_KEY, LONGEST_NAME, Run, name_of

QUEUE = "https://queue"
FILE = [f"message {n}" for n in range(10)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for notes."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "sociocs" / "runs"


def run_of(contents: Sequence[str], queue_url: str = QUEUE, name: str | None = None) -> Run:
    """The run of an input, by its content unless it is named."""
    return Run(queue_url, name or name_of("\n".join(contents).encode()), contents)


def test_the_same_input_is_the_same_run_on_any_machine(folder: Path) -> None:
    """Its keys come from nothing but the input: no note is needed, and none is written before it begins."""
    assert run_of(FILE).keys == run_of(FILE).keys
    assert not set(run_of(FILE).keys) & set(run_of([*FILE, "new"]).keys)
    assert not folder.exists()


def test_equal_messages_have_a_key_each() -> None:
    """Sent twice on purpose, in one file. With one of them taken out, the others keep theirs under the same name."""
    keys = run_of(["same"] * 5, name="n").keys

    assert len(set(keys)) == 5
    assert run_of(["same"] * 4, name="n").keys == keys[:4]


def test_a_name_gives_the_same_keys_to_a_changed_input() -> None:
    """In any order; and the longest name makes a key that is no longer than was reckoned with."""
    assert run_of(FILE[::-1], name="invoices").keys == run_of(FILE, name="invoices").keys[::-1]
    assert run_of(FILE, name="again").keys != run_of(FILE, name="invoices").keys
    assert len(run_of(FILE, name="x" * LONGEST_NAME).keys[0]) <= LONGEST_KEY


def test_what_is_known_of_a_run_before() -> None:
    """Nothing, that it has begun, and that it has ended."""
    run = run_of(FILE)
    assert run.before() is None

    run.begin()
    before = run_of(FILE).before()
    assert before
    assert (before.name, before.has_ended) == (run.name, False)

    run.end()
    after = run_of(FILE).before()
    assert after
    assert after.has_ended


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        pytest.param(FILE[::-1], 10, id="another-order"),
        pytest.param(FILE[:3] + FILE[4:], 9, id="one-taken-out"),
        pytest.param([*FILE, "new"], 10, id="one-added"),
        pytest.param(["other", FILE[5], "another"], 1, id="one-equal-message"),
    ],
)
def test_a_changed_input_that_holds_messages_of_an_unfinished_run_is_known(changed: list[str], same: int) -> None:
    """One message is enough: it may be queued already, and this run would give it another key."""
    first = run_of(FILE)
    first.begin()

    assert [(note.name, number) for note, number in run_of(changed).unfinished()] == [(first.name, same)]
    assert run_of(changed, name=first.name).unfinished() == []


@pytest.mark.parametrize(
    ("contents", "queue_url"),
    [(FILE, "https://other"), (["new"], QUEUE), ([], QUEUE), (FILE, QUEUE)],
    ids=["another-queue", "other-messages", "keys-of-their-own", "the-same-run"],
)
def test_nothing_else_is_taken_for_a_changed_input(contents: list[str], queue_url: str) -> None:
    """Only messages that an unfinished run of the same queue may have queued count."""
    run_of(FILE).begin()

    assert run_of(contents, queue_url).unfinished() == []


def test_a_run_that_ended_stops_no_other_input() -> None:
    """The same message in another file, later, is sent."""
    run = run_of(FILE)
    run.begin()
    run.end()

    assert run_of([*FILE, "new"]).unfinished() == []


def test_a_note_is_for_nobody_else_and_says_nothing(folder: Path) -> None:
    """A hash of a phone number can be tried out: the notes are for their owner only, and its end removes the hashes."""
    run = run_of(["+16175550188"], name="n")
    run.begin()

    [note] = folder.iterdir()
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "16175550188" not in note.read_text()
    mark = run.keys[0].partition("-")[2]
    assert mark in note.read_text()
    run.end()
    assert mark not in note.read_text()


def test_old_notes_are_deleted(folder: Path) -> None:
    """Nobody goes on with a run of last month, and the folder does not grow."""
    run_of(FILE).begin()
    [note] = folder.iterdir()
    old = note.stat().st_mtime - KEPT.total_seconds() - 1
    os.utime(note, (old, old))

    run_of(["new"]).begin()

    assert note not in folder.iterdir()


@pytest.mark.parametrize("content", ["?", "[]", '{"run": "r"}', '{"run": "r", "ended": false, "marks": 5}', "ä"])
def test_a_broken_note_is_no_run(content: str, folder: Path) -> None:
    """It is passed over."""
    run_of(FILE).begin()
    [note] = folder.iterdir()
    note.write_text(content, encoding="utf-8")

    assert run_of(FILE).before() is None
    assert run_of([*FILE, "new"]).unfinished() == []
