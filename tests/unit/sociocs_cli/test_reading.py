"""A queue that takes longer to read than its letters stay hidden: read whole, or said not to be."""

import os
import re
import signal
from typing import Any

import pytest

from sociocs_cli.choice import Choice
from sociocs_cli.reading import Reader
from sociocs_cli.redrive import Redrive
from sociocs_cli.summaries import summarize
from tests.support.cli_shell import run
from tests.support.slow_queue import SlowQueue
from tests.support.stacks import stack_on

CODES = ["API_REJECTED", "EXPIRED", "OUTCOME_UNKNOWN"] * 40


@pytest.fixture
def queue() -> SlowQueue:
    """120 letters, hidden for a second; each receive brings ten of them and takes 0.3 s."""
    return SlowQueue.with_codes(*CODES, receive_seconds=0.3, change_seconds=0.01)


def reader_of(queue: SlowQueue, **options: Any) -> Reader:
    """A reader of the queue, with the queue's clock."""
    sqs: Any = queue
    return Reader(sqs, "dead-letters", monotonic=queue.monotonic, **options)


def redrive_on(queue: SlowQueue, choice: Choice) -> Redrive:
    """A run of the command's inside, that hides letters for a second only."""
    return Redrive(stack_on(sqs=queue, monotonic=queue.monotonic), choice, hidden_seconds=1)


def test_list_sees_every_letter_once(queue: SlowQueue) -> None:
    """What was read first stays hidden until the last is read, four minutes later, and all is visible afterwards."""
    queue.receive_seconds = 20

    found = summarize(stack_on(sqs=queue, monotonic=queue.monotonic))

    assert (len(found.letters), found.unseen) == (len(CODES), 0)
    assert queue.calls.count("receive") == len(CODES) / 10 + 1
    assert all(letter.visible_at <= queue.now for letter in queue.letters.values())


def test_the_chosen_codes_go_back_whole(queue: SlowQueue) -> None:
    """Letters that are not chosen, and come first again and again, do not end the reading."""
    run = redrive_on(queue, Choice(codes=frozenset({"EXPIRED"})))

    run.run()

    assert (run.report.returned, run.report.unseen) == ({"EXPIRED": 40}, 0)
    assert run.report.not_chosen == {"API_REJECTED": 40, "OUTCOME_UNKNOWN": 40}


def test_letters_that_nothing_keeps_hidden_are_no_reason_to_claim_completeness(queue: SlowQueue) -> None:
    """Each receive takes longer than letters stay hidden, and brings the first ten again: that is not all of them."""
    queue.receive_seconds = 1.5
    with reader_of(queue, hidden_seconds=1) as reader:
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
    killed = reader_of(queue)
    assert sum(map(len, killed.letters())) == held

    assert max(letter.visible_at for letter in queue.letters.values()) - queue.now <= longest

    waits: list[tuple[int, float]] = []
    queue.receive_seconds = 1
    after = reader_of(queue, wait_for_others=True, on_wait=lambda *told: waits.append(told))
    assert sum(map(len, after.letters())) == held
    assert after.unseen == 0
    [(letters, seconds)] = waits
    assert (letters, round(seconds, 6)) == (held, longest + 2 - 1)  # since the first look, which took a second


class Interrupted(SlowQueue):
    """A queue on which somebody presses Ctrl-C when SQS has hidden the letters, and before it has answered."""

    def receive_message(self, **call: Any) -> dict[str, Any]:
        """Receive, and be interrupted."""
        answer = super().receive_message(**call)
        if self.calls.count("receive") == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return answer


def test_letters_of_an_interrupted_receive_are_given_back() -> None:
    """Otherwise ten letters would stay hidden for a minute, and the next command would not find them."""
    queue = Interrupted.with_codes(*CODES)

    with pytest.raises(KeyboardInterrupt), reader_of(queue) as reader:
        list(reader.letters())

    assert queue.calls.count("receive") == 2
    assert all(letter.visible_at <= queue.now for letter in queue.letters.values())


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["show", "none-such"],
        ["show"],
        ["discard", "none-such", "--yes"],
        ["redrive", "none-such"],
        ["redrive"],
    ],
    ids=" ".join,
)
def test_whoever_could_not_read_all_says_so(arguments: list[str]) -> None:
    """A letter that is not found may be among those that another reader holds."""
    queue = SlowQueue(counted_more=3)

    done = run("dead-letters", *arguments, open_stack=lambda *_: stack_on(sqs=queue))

    assert re.search(r"\b3\b.* could not be read", done.out + done.err)
