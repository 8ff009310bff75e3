"""What a redrive says of itself when it comes to a bad end."""

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from sociocs_cli.redrive import Choice, Redrive
from tests.support.slow_queue import SlowQueue


@pytest.mark.parametrize(
    "error", [ReadTimeoutError(endpoint_url="sqs"), KeyboardInterrupt()], ids=["silence", "signal"]
)
def test_what_went_back_and_may_be_there_still_is_counted(
    error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQS does not say what it deleted: all of the batch may go back a second time, which is said."""
    queue = SlowQueue.with_codes(*["EXPIRED"] * 4)

    def silent(**_: Any) -> None:
        raise error

    monkeypatch.setattr(queue, "delete_message_batch", silent)
    run = Redrive(queue, "queue", Choice())  # type: ignore[arg-type]

    with pytest.raises(type(error)):
        run.run("dead-letters")

    assert (run.report.returned, run.report.undeleted) == ({"EXPIRED": 4}, 4)


def test_it_says_how_far_it_has_looked_and_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters that are not chosen are progress too, and a wait for those of a killed command is told once."""
    queue = SlowQueue.with_codes(*["EXPIRED"] * 11, *["API_REJECTED"] * 20, receive_seconds=1)
    queue.letters["id-1"].visible_at = 30
    monkeypatch.setattr("sociocs_cli.reading.time.monotonic", queue.monotonic)
    steps: list[tuple[int, int]] = []
    waits: list[tuple[int, float]] = []
    run = Redrive(
        queue,  # type: ignore[arg-type]
        "queue",
        Choice(frozenset({"EXPIRED"})),
        on_progress=lambda *step: steps.append(step),
        on_wait=lambda *wait: waits.append(wait),
    )

    run.run("dead-letters")

    assert sorted(set(steps)) == [(0, 31), (10, 31), (20, 31), (30, 31), (31, 31)]
    assert waits == [(1, 62 - 4)]  # since the first look, at four receives of a second
    assert run.report.returned == {"EXPIRED": 11}
