"""What a redrive says of itself when it comes to a bad end."""

from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from sociocs_cli.choice import Choice
from sociocs_cli.redrive import Redrive
from tests.support.slow_queue import Letter, SlowQueue
from tests.support.stacks import stack_on


@pytest.mark.parametrize(
    "error", [ReadTimeoutError(endpoint_url="sqs"), KeyboardInterrupt()], ids=["silence", "signal"]
)
def test_what_went_back_and_may_be_there_still_is_counted(error: BaseException) -> None:
    """SQS does not say what it deleted: all of the batch may go back a second time, which is said."""

    class Silent(SlowQueue):
        def delete_message_batch(self, **_: Any) -> dict[str, Any]:
            raise error

    run = Redrive(stack_on(sqs=Silent.with_codes(*["API_REJECTED"] * 4)), Choice())

    with pytest.raises(type(error)):
        run.run()

    assert (run.report.returned, run.report.undeleted) == ({"API_REJECTED": 4}, 4)


def test_it_says_how_far_it_has_looked_and_what_it_waits_for() -> None:
    """Letters that are not chosen are progress too, and a wait for those of a killed command is told once."""
    queue = SlowQueue.with_codes(*["EXPIRED"] * 11, *["API_REJECTED"] * 20, receive_seconds=1)
    queue.letters["id-1"].visible_at = 30
    steps: list[tuple[int, int]] = []
    waits: list[tuple[int, float]] = []
    run = Redrive(
        stack_on(sqs=queue, monotonic=queue.monotonic),
        Choice(codes=frozenset({"EXPIRED"})),
        on_progress=lambda *step: steps.append(step),
        on_wait=lambda *wait: waits.append(wait),
    )

    run.run()

    assert sorted(set(steps)) == [(0, 31), (10, 31), (20, 31), (30, 31), (31, 31)]
    assert waits == [(1, 62 - 4)]  # since the first look, at four receives of a second
    assert run.report.returned == {"EXPIRED": 11}


@dataclass
class FailingAgain(SlowQueue):
    """A queue of a function that fails as quickly as letters go back: each comes again, with its key, as a new one."""

    written_again_at: float = 0.0
    """Seconds after the start, by SQS's clock."""

    def delete_message_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """Delete, and write the next letter of the same key."""
        gone = [self.letters[entry["ReceiptHandle"].split()[0]] for entry in Entries]
        answer = super().delete_message_batch(Entries=Entries)
        for letter in gone[: 9 - len(self.sent)]:  # an end for a redrive that would go on
            again = Letter(letter.body, letter.attributes, written_at=self.written_again_at)
            self.letters[f"again-{len(self.sent)}"] = again
        return answer


@pytest.mark.parametrize(
    ("written_again_at", "newer", "stayed"),
    [(0.0, 1, 0), (0.999, 1, 0), (60.0, 1, 0), (-5.0, 0, 1)],
    ids=["the-same-second", "the-end-of-that-second", "later", "another-clock"],
)
def test_a_key_goes_back_once_in_a_run(written_again_at: float, newer: int, stayed: int) -> None:
    """Whatever the clock says of its next letter. That is left for the next run, and said."""
    queue = FailingAgain(written_again_at=written_again_at)
    queue.letters["id"] = Letter("letter", {"ERROR_CODE": "API_REJECTED", "IDEMPOTENCY_KEY": "key"})
    run = Redrive(stack_on(sqs=queue), Choice())

    run.run()

    assert queue.sent == ["letter"]
    assert (run.report.newer, run.report.stayed.total()) == (newer, stayed)
    said = "\n".join(run.report.lines("sent back"))
    assert ("1 letter left for the next run: written since this run began, or in the same second" in said) == bool(
        newer
    )
    assert ("a letter with the same key went back in this run" in said) == bool(stayed)


def test_what_was_there_before_goes_whatever_its_second() -> None:
    """A letter of the second before the start is older than the run."""
    queue = SlowQueue.with_codes("API_REJECTED")
    queue.letters["id-1"].written_at = -0.001
    run = Redrive(stack_on(sqs=queue), Choice())

    run.run()

    assert run.report.returned == {"API_REJECTED": 1}
