"""What a redrive says of itself when it comes to a bad end."""

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from cli.redrive import Choice, Redrive
from slow_queue import SlowQueue


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
