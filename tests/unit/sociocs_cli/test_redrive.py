"""What a redrive says of itself when it comes to a bad end."""

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from sociocs_cli.choice import Choice
from sociocs_cli.redrive import Redrive
from tests.support.slow_queue import SlowQueue
from tests.support.stacks import stack_on


@pytest.mark.parametrize(
    "error", [ReadTimeoutError(endpoint_url="sqs"), KeyboardInterrupt()], ids=["silence", "signal"]
)
def test_what_went_back_and_may_be_there_still_is_counted(error: BaseException) -> None:
    """SQS does not say what it deleted: all of the batch may go back a second time, which is said."""

    class Silent(SlowQueue):
        def delete_message_batch(self, **_: Any) -> dict[str, Any]:
            raise error

    run = Redrive(stack_on(sqs=Silent.with_codes(*["EXPIRED"] * 4)), Choice())

    with pytest.raises(type(error)):
        run.run()

    assert (run.report.returned, run.report.undeleted) == ({"EXPIRED": 4}, 4)


def test_it_says_how_far_it_has_looked_and_what_it_waits_for() -> None:
    """Letters that are not chosen are progress too, and a wait for those of a killed command is told once."""
    queue = SlowQueue.with_codes(*["EXPIRED"] * 11, *["API_REJECTED"] * 20, receive_seconds=1)
    queue.letters["id-1"].visible_at = 30
    steps: list[tuple[int, int]] = []
    waits: list[tuple[int, float]] = []
    run = Redrive(
        stack_on(sqs=queue, monotonic=queue.monotonic),
        Choice(frozenset({"EXPIRED"})),
        on_progress=lambda *step: steps.append(step),
        on_wait=lambda *wait: waits.append(wait),
    )

    run.run()

    assert sorted(set(steps)) == [(0, 31), (10, 31), (20, 31), (30, 31), (31, 31)]
    assert waits == [(1, 62 - 4)]  # since the first look, at four receives of a second
    assert run.report.returned == {"EXPIRED": 11}
