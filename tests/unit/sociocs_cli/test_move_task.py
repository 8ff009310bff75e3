"""SQS's own move: started once, followed to its end, cancelled on Ctrl-C."""

from typing import Any

import click
import pytest

from sociocs_cli import move_task


class Moving:
    """An SQS whose newest move task goes through states, one for each time that it is listed."""

    def __init__(self, *states: dict[str, Any] | type[BaseException]) -> None:
        self.states = list(states)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def list_message_move_tasks(self, **_: Any) -> dict[str, Any]:
        """Answer as SQS does."""
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if isinstance(state, type):
            raise state
        return {"Results": [state] if state else []}

    def start_message_move_task(self, **call: Any) -> dict[str, Any]:
        """Answer as SQS does."""
        self.calls.append(("start", call))
        return {"TaskHandle": "handle"}

    def cancel_message_move_task(self, **call: Any) -> None:
        """Answer as SQS does."""
        self.calls.append(("cancel", call))


def task(status: str, moved: int, started: int = 2, **more: Any) -> dict[str, Any]:
    """One task as SQS lists it."""
    return {
        "Status": status,
        "StartedTimestamp": started,
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": 9,
        **more,
    }


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without waits between two looks."""
    monkeypatch.setattr(move_task, "_POLL_SECONDS", 0)


def test_it_is_followed_to_its_end() -> None:
    """An earlier task, and the moment in which the new one is not listed yet, are not taken for it."""
    earlier = task("COMPLETED", 100, started=1)
    sqs, seen = Moving(earlier, earlier, task("RUNNING", 4), task("COMPLETED", 9)), list[tuple[int, int]]()

    moved = move_task.move_all(sqs, "source", "destination", lambda *step: seen.append(step))  # type: ignore[arg-type]

    assert moved == 9
    assert seen == [(4, 9), (9, 9)]
    assert sqs.calls == [("start", {"SourceArn": "source", "DestinationArn": "destination"})]


def test_an_interruption_cancels_it() -> None:
    """Ctrl-C means stop: the rest stays a dead letter."""
    sqs = Moving({}, task("RUNNING", 4), KeyboardInterrupt)

    with pytest.raises(KeyboardInterrupt):
        move_task.move_all(sqs, "source", "destination", lambda *_: None)  # type: ignore[arg-type]

    assert sqs.calls[1:] == [("cancel", {"TaskHandle": "handle"})]


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (task("FAILED", 4, FailureReason="AccessDenied"), "ended after 4 letters (AccessDenied)"),
        (task("CANCELLED", 5), "ended after 5 letters (somebody cancelled it)"),
    ],
)
def test_an_end_before_the_end_is_an_error(end: dict[str, Any], words: str) -> None:
    """With what is known of it, and what to do."""
    sqs = Moving({}, end)

    with pytest.raises(click.ClickException) as error:
        move_task.move_all(sqs, "source", "destination", lambda *_: None)  # type: ignore[arg-type]

    assert words in error.value.message


@pytest.mark.parametrize(("state", "expected"), [({}, False), (task("RUNNING", 1), True), (task("FAILED", 1), False)])
def test_one_that_runs_already_is_found(state: dict[str, Any], *, expected: bool) -> None:
    """Of a command that was killed, or from the console."""
    assert move_task.running(Moving(state), "source") is expected  # type: ignore[arg-type]
