"""How long the oldest message has waited: no metric alone says it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sociocs_cli.metrics import oldest_seconds
from sociocs_cli.queue import Depth
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
