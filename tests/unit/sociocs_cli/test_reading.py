"""A queue that takes longer to read than its letters stay hidden: read whole, or said not to be."""

import pytest

from sociocs_cli.commands.dead_letters import summaries
from sociocs_cli.reading import Reader
from sociocs_cli.redrive import Choice, Redrive
from sociocs_cli.stack import Stack
from tests.support.slow_queue import SlowQueue

CODES = ["API_REJECTED", "EXPIRED", "OUTCOME_UNKNOWN"] * 40


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> SlowQueue:
    """120 letters, hidden for a second; each receive brings ten of them and takes 0.3 s."""
    found = SlowQueue.with_codes(*CODES, receive_seconds=0.3, change_seconds=0.01)
    monkeypatch.setattr("sociocs_cli.reading.time.monotonic", found.monotonic)
    return found


def redrive_on(queue: SlowQueue, choice: Choice) -> Redrive:
    """A run of the command's inside, that hides letters for a second only."""
    return Redrive(queue, "queue", choice, hidden_seconds=1)  # type: ignore[arg-type]


def test_list_sees_every_letter_once(queue: SlowQueue) -> None:
    """What was read first stays hidden until the last is read, four minutes later, and all is visible afterwards."""
    queue.receive_seconds = 20
    stack = Stack("stack")
    stack.__dict__["sqs"] = queue
    stack.__dict__["description"] = {
        "Outputs": [{"OutputKey": "MessageDeadLetterQueueUrl", "OutputValue": "dead-letters"}]
    }

    found, unseen = summaries(stack)

    assert (len(found), unseen) == (len(CODES), 0)
    assert queue.calls.count("receive") == len(CODES) / 10 + 1
    assert all(letter.visible_at <= queue.now for letter in queue.letters.values())


def test_the_chosen_codes_go_back_whole(queue: SlowQueue) -> None:
    """Letters that are not chosen, and come first again and again, do not end the reading."""
    run = redrive_on(queue, Choice(frozenset({"EXPIRED"})))

    run.run("dead-letters")

    assert (run.report.returned, run.report.unseen) == ({"EXPIRED": 40}, 0)
    assert run.report.not_chosen == {"API_REJECTED": 40, "OUTCOME_UNKNOWN": 40}


def test_no_move_over_unknown_outcomes_that_stand_last(queue: SlowQueue) -> None:
    """The one letter that a person must decide on is the last of all: it stays, so everything goes letter by letter."""
    queue.letters = SlowQueue.with_codes(*["EXPIRED"] * 119, "OUTCOME_UNKNOWN").letters
    run = redrive_on(queue, Choice())

    run.run_whole("dead-letters", "source", "destination")

    assert "move" not in queue.calls
    assert [letter.body for letter in queue.letters.values()] == ["letter 120"]
    assert (len(queue.sent), run.report.moved, run.report.unseen) == (119, 0, 0)


@pytest.mark.parametrize("counted_more", [1, 50])
def test_no_move_over_letters_that_could_not_be_read(queue: SlowQueue, counted_more: int) -> None:
    """SQS counts more than it hands out. They may be another reader's, and of any code: they are told, not moved."""
    queue.letters = SlowQueue.with_codes(*["EXPIRED"] * 20).letters
    queue.counted_more = counted_more
    run = redrive_on(queue, Choice())

    run.run_whole("dead-letters", "source", "destination")

    assert "move" not in queue.calls
    assert (len(queue.sent), run.report.unseen) == (20, counted_more)


def test_no_move_over_letters_that_came_while_it_read(queue: SlowQueue) -> None:
    """They are not this run's to judge, so a move that takes them along is not this run's either."""
    queue.letters = SlowQueue.with_codes(*["EXPIRED"] * 20, "OUTCOME_UNKNOWN").letters
    queue.letters["id-21"].written_at = 60.0

    redrive_on(queue, Choice()).run_whole("dead-letters", "source", "destination")

    assert "move" not in queue.calls
    assert list(queue.letters) == ["id-21"]


def test_letters_that_nothing_keeps_hidden_are_no_reason_to_claim_completeness(queue: SlowQueue) -> None:
    """Each receive takes longer than letters stay hidden, and brings the first ten again: that is not all of them."""
    queue.receive_seconds = 1.5
    with Reader(queue, "dead-letters", hidden_seconds=1) as reader:  # type: ignore[arg-type]
        seen = sum(map(len, reader.letters()))

    assert seen + reader.unseen == len(CODES)
    assert reader.unseen > 0


@pytest.mark.parametrize(("held", "longest"), [(100, 60), (6_000, 240)])
def test_a_killed_reader_hides_letters_for_as_long_as_it_takes_to_keep_them(
    held: int, longest: int, queue: SlowQueue
) -> None:
    """A minute; with so many that to hide them anew takes long, longer in proportion. The next run waits so long."""
    queue.letters = SlowQueue.with_codes(*["EXPIRED"] * held).letters
    queue.receive_seconds = 0.1
    killed = Reader(queue, "dead-letters")  # type: ignore[arg-type]
    assert sum(map(len, killed.letters())) == held

    assert max(letter.visible_at for letter in queue.letters.values()) - queue.now <= longest

    waits: list[tuple[int, float]] = []
    queue.receive_seconds = 1
    after = Reader(queue, "dead-letters", wait_for_others=True, on_wait=lambda *told: waits.append(told))  # type: ignore[arg-type]
    assert sum(map(len, after.letters())) == held
    assert after.unseen == 0
    assert waits == [(held, longest + 2 - 1)]  # since the first look, which took a second
