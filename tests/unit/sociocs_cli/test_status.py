"""`sociocs status`: when the oldest dead letter goes, and one page after the other."""

from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

from sociocs_cli.options import OpenStack
from sociocs_cli.stack import Waits
from tests.support.cli_shell import run
from tests.support.slow_queue import START, SlowQueue
from tests.support.stacks import AT_ONCE, stack_on


def a_stack(queue: SlowQueue, wait: Callable[[float], object] = lambda _: None) -> OpenStack:
    """A stack on this queue, which is enabled and of which no metric is known."""

    def open_stack(*_: Any, **__: Any) -> Any:
        return stack_on(
            sqs=queue,
            functions=SimpleNamespace(get_event_source_mapping=lambda **_: {"State": "Enabled"}),
            cloudwatch=SimpleNamespace(get_metric_statistics=lambda **_: {"Datapoints": []}),
            wait=wait,
        )

    return open_stack


def test_it_says_when_sqs_deletes_the_oldest_letter() -> None:
    """14 days after SQS took it: afterwards nobody can send it back."""
    queue = SlowQueue.with_codes("API_REJECTED", "EXPIRED")
    oldest = START + timedelta(seconds=min(letter.written_at for letter in queue.letters.values()))

    words = run("status", open_stack=a_stack(queue))
    goes = run("status", "--json", open_stack=a_stack(queue)).json["dead_letters"]["first_deleted_at"]

    assert datetime.fromisoformat(goes) == oldest + timedelta(days=14)
    assert "SQS deletes the oldest" in words.out
    assert goes in words.out


def test_without_dead_letters_none_is_deleted() -> None:
    """There is no line about it."""
    queue = SlowQueue.with_codes("EXPIRED")
    queue.letters.clear()

    assert "SQS deletes" not in run("status", open_stack=a_stack(queue)).out
    assert run("status", "--json", open_stack=a_stack(queue)).json["dead_letters"]["first_deleted_at"] is None


def test_watch_says_it_again_until_ctrl_c() -> None:
    """Letters are received once: a look that hides them every 10 seconds would be in everybody's way."""
    queue = SlowQueue.with_codes("EXPIRED")
    waited: list[float] = []

    def wait(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            raise KeyboardInterrupt

    found = run("status", "--watch", open_stack=a_stack(queue, wait))

    assert waited == [Waits().between_statuses] * 3
    assert found.out.count("Messages waiting") == 3
    assert found.code == 130
    receives = queue.calls.count("receive")
    once = SlowQueue.with_codes("EXPIRED")
    run("status", open_stack=a_stack(once))
    assert receives == once.calls.count("receive")
    assert AT_ONCE.between_statuses == Waits().between_statuses
