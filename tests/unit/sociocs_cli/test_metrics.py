"""What metrics say: how long the oldest message has waited, and why messages go back to the queue."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from message_sender.observability import Metric
from message_sender.outcome import ErrorCode
from message_sender.retries import LONGEST_WAIT_SECONDS
from sociocs_cli.metrics import RETRIED_WITHIN, deferrals, oldest_seconds
from sociocs_cli.queue import Depth
from sociocs_cli.stack import Stack
from tests.support.cli_shell import run
from tests.support.slow_queue import SlowQueue
from tests.support.stacks import stack_on

NOW = datetime.now(UTC)


class FakeCloudWatch:
    """Has a few values of each metric, in the order of their minutes."""

    def __init__(self, **values: list[float]) -> None:
        self.values = values
        self.minutes: dict[str, float] = {}

    def get_metric_statistics(self, **call: Any) -> dict[str, Any]:
        """Answer as CloudWatch does, in no order."""
        assert {
            "ApproximateAgeOfOldestMessage": ("AWS/SQS", [{"Name": "QueueName", "Value": "messages"}]),
            "RetriedMessageAge": ("SociocsMessageSender", [{"Name": "service", "Value": "stack"}]),
        }[call["MetricName"]] == (call["Namespace"], call["Dimensions"])
        self.minutes[call["MetricName"]] = (call["EndTime"] - call["StartTime"]) / timedelta(minutes=1)
        values = self.values.get(call["MetricName"], [])
        points = [{"Timestamp": NOW + timedelta(minutes=n), "Maximum": value} for n, value in enumerate(values)]
        return {"Datapoints": points[::-1]}


@pytest.mark.parametrize(
    ("waits", "of_sqs", "retried", "oldest"),
    [
        pytest.param(3, [5, 900], [], 900, id="never-received"),
        pytest.param(3, [5], [7200, 60], 7200, id="received-three-times"),
        pytest.param(3, [], [60], 60, id="nothing-of-sqs"),
        pytest.param(3, [900, 5], [3], 5, id="the-old-one-is-gone"),
        pytest.param(0, [0], [7200], 0, id="nothing-waits-any-more"),
        pytest.param(3, [], [], None, id="unknown"),
    ],
)
def test_the_oldest_is_the_older_of_what_two_metrics_say(
    waits: int, of_sqs: list[float], retried: list[float], oldest: float | None
) -> None:
    """SQS's metric leaves out what was received three times; the function says its age at least every 15 minutes."""
    cloudwatch = FakeCloudWatch(ApproximateAgeOfOldestMessage=of_sqs, RetriedMessageAge=retried)

    assert oldest_seconds(stack_on(cloudwatch=cloudwatch), Depth(0, waits, 0, NOW)) == oldest
    assert cloudwatch.minutes.get("RetriedMessageAge", 20) == 20


class Deferring:
    """A CloudWatch that has, of each code, the minutes ago at which messages were put back."""

    def __init__(self, **minutes_ago: list[float]) -> None:
        self.minutes_ago = minutes_ago

    def get_metric_statistics(self, **call: Any) -> dict[str, Any]:
        """Answer as CloudWatch does, in no order."""
        service, code = call["Dimensions"]
        assert (call["Namespace"], call["MetricName"]) == ("SociocsMessageSender", Metric.DEFERRED.value)
        assert service == {"Name": "service", "Value": "stack"}
        assert (call["EndTime"] - call["StartTime"]) / timedelta(seconds=call["Period"]) <= 1440  # CloudWatch's limit
        points = self.minutes_ago.get(code["Value"], [])
        now = datetime.now(UTC)
        return {"Datapoints": [{"Timestamp": now - timedelta(minutes=ago), "Sum": 2.0} for ago in points]}


def test_why_messages_go_back_and_since_when() -> None:
    """What kept messages back in the last 20 minutes, the most frequent first; an earlier trouble is another one."""
    found = deferrals(
        stack_on(
            cloudwatch=Deferring(
                API_UNAVAILABLE=[5, 1, 10, 25, 44, 120, 130],
                API_THROTTLED=[3],
                API_UNREACHABLE=[21, 30],
            )
        )
    )

    assert [(deferral.code, deferral.times) for deferral in found] == [("API_UNAVAILABLE", 6), ("API_THROTTLED", 2)]
    assert [round((datetime.now(UTC) - deferral.since) / timedelta(minutes=1)) for deferral in found] == [44, 3]


def test_every_code_that_defers_is_asked_for() -> None:
    """Those of a rejection and of an unknown outcome never are the reason of a wait."""
    rejected = {"INVALID_MESSAGE", "EXPIRED", "IDEMPOTENCY_CONFLICT", "API_REJECTED", "RETRIES_EXHAUSTED"}
    every = {code.value: [1.0] for code in ErrorCode}

    found = deferrals(stack_on(cloudwatch=Deferring(**every)))

    assert {deferral.code for deferral in found} == set(every) - rejected


def test_a_message_is_retried_within_the_time_that_is_said() -> None:
    """The function's longest wait is what `status` promises."""
    assert RETRIED_WITHIN.total_seconds() == LONGEST_WAIT_SECONDS


def test_status_says_why_messages_wait() -> None:
    """A line for each code, in words and for programs; nothing of it while nothing waits."""
    queue = SlowQueue.with_codes("API_REJECTED")
    functions = SimpleNamespace(get_event_source_mapping=lambda **_: {"State": "Enabled"})
    cloudwatch = AnyMetric(API_UNAVAILABLE=[5, 1])

    def open_stack(*_: Any) -> Stack:
        return stack_on(sqs=queue, functions=functions, cloudwatch=cloudwatch)

    words, rows = run("status", open_stack=open_stack), run("status", "--json", open_stack=open_stack)

    assert "Put back, API_UNAVAILABLE" in words.out
    assert "4 times in 20 min, since " in words.out
    assert "tried again within 15 min" in words.out
    assert [(row["code"], row["times"]) for row in rows.json["deferred"]] == [("API_UNAVAILABLE", 4)]
    queue.letters.clear()
    assert run("status", "--json", open_stack=open_stack).json["deferred"] == []


class AnyMetric(Deferring):
    """The same, and nothing of other metrics."""

    def get_metric_statistics(self, **call: Any) -> dict[str, Any]:
        """Answer."""
        return super().get_metric_statistics(**call) if len(call["Dimensions"]) > 1 else {"Datapoints": []}
