"""Which input goes on with which run: the same messages with theirs, whatever became of the file; others do not."""

import stat
from pathlib import Path

import pytest

from sociocs_cli.runs import LONGEST_ID, LONGEST_KEY, Run

QUEUE = "https://queue"
FILE = [f"message {n}" for n in range(10)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place for notes."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "sociocs" / "runs"


@pytest.mark.parametrize(
    "mended",
    [
        pytest.param(FILE, id="as-it-was"),
        pytest.param(FILE[::-1], id="another-order"),
        pytest.param(FILE[:3] + FILE[4:], id="one-taken-out"),
        pytest.param([*FILE, "new"], id="one-added"),
        pytest.param([*FILE, *(f"new {n}" for n in range(50))], id="many-added"),
        pytest.param(FILE[5:], id="the-second-half"),
        pytest.param(["new" if n == 4 else content for n, content in enumerate(FILE)], id="one-mended"),
    ],
)
def test_an_unfinished_run_goes_on_with_a_mended_file(mended: list[str]) -> None:
    """What is the same has the same key; what is new has one of its own."""
    first = Run.begin(QUEUE, FILE)

    second = Run.begin(QUEUE, mended)

    assert second.begun is not None
    before, after = dict(zip(FILE, first.keys, strict=True)), dict(zip(mended, second.keys, strict=True))
    assert {content: after[content] for content in mended if content in before} == {
        content: before[content] for content in mended if content in before
    }
    assert len(set(after.values())) == len(mended)


def test_equal_messages_have_a_key_each() -> None:
    """Sent twice on purpose, in one file; with one of them taken out, the others keep theirs."""
    first = Run.begin(QUEUE, ["same"] * 5)

    assert len(set(first.keys)) == 5
    assert Run.begin(QUEUE, ["same"] * 4).keys == first.keys[:4]


def test_after_its_end_the_same_file_is_a_new_run(folder: Path) -> None:
    """And nothing is left of the first."""
    first = Run.begin(QUEUE, FILE)
    first.end()

    assert list(folder.iterdir()) == []
    second = Run.begin(QUEUE, FILE)
    assert second.begun is None
    assert not set(first.keys) & set(second.keys)


def test_parts_of_a_file_go_on_one_after_the_other(folder: Path) -> None:
    """The first part's end is not that of the second."""
    first = Run.begin(QUEUE, FILE)

    Run.begin(QUEUE, FILE[:4]).end()
    second = Run.begin(QUEUE, FILE[4:])

    assert second.keys == first.keys[4:]
    second.end()
    assert list(folder.iterdir()) == []


def test_what_was_taken_out_keeps_no_later_run_from_being_new() -> None:
    """The mended file ended well: the whole file sent on purpose after that is sent anew."""
    Run.begin(QUEUE, FILE)
    Run.begin(QUEUE, FILE[1:]).end()

    assert Run.begin(QUEUE, FILE).begun is None


@pytest.mark.parametrize(
    ("queue", "contents"),
    [
        pytest.param("https://other", FILE, id="another-queue"),
        pytest.param(QUEUE, [FILE[0], "another", "third"], id="another-file-with-an-equal-message"),
        pytest.param(QUEUE, [], id="keys-of-their-own"),
    ],
)
def test_another_input_is_another_run(queue: str, contents: list[str]) -> None:
    """An equal message in it is sent: nobody said that it is the same."""
    Run.begin(QUEUE, FILE)

    assert Run.begin(queue, contents).begun is None


def test_a_new_run_on_demand_forgets_the_unfinished_one() -> None:
    """Otherwise the next one would go on with it after all."""
    first = Run.begin(QUEUE, FILE)

    new = Run.begin(QUEUE, FILE, new=True)
    after = Run.begin(QUEUE, FILE)

    assert new.begun is None
    assert not set(new.keys) & set(first.keys)
    assert after.keys == new.keys


def test_a_named_run_has_the_same_keys_everywhere(folder: Path) -> None:
    """Without any note; and the longest name makes a key that is no longer than was reckoned with."""
    named = Run.begin(QUEUE, FILE, "invoices")

    assert Run.begin(QUEUE, FILE[::-1], "invoices").keys == named.keys[::-1]
    assert not folder.exists()
    assert len(Run.begin(QUEUE, FILE, "x" * LONGEST_ID).keys[0]) <= LONGEST_KEY


def test_a_note_is_for_nobody_else_and_says_nothing(folder: Path) -> None:
    """A hash of a phone number can be tried out: the notes are for their owner only, and gone with the run's end."""
    Run.begin(QUEUE, ["+16175550188"])

    [note] = folder.iterdir()
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "16175550188" not in note.read_text()


def test_a_broken_note_is_no_run(folder: Path) -> None:
    """It is passed over."""
    note = Run.begin(QUEUE, FILE).note
    assert note
    note.write_text("?")

    assert Run.begin(QUEUE, FILE).begun is None
