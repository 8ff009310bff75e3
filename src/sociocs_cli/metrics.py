"""What CloudWatch says about a stack."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal

from sociocs_cli.errors import AWS_ERRORS
from sociocs_cli.queue import Depth
from sociocs_cli.stack import Stack

_NAMESPACE = "SociocsMessageSender"


def oldest_seconds(stack: Stack, waiting: Depth) -> float | None:
    """Return for how many seconds the oldest message has waited; None when nothing says it.

    SQS's own metric leaves out messages that were received three times. The function reports the age of those with
    every retry. Two retries are up to 15 minutes apart.
    """
    queue_name = {"QueueName": stack.queue_url.rpartition("/")[2]}
    of_sqs = _points(stack, "AWS/SQS", "ApproximateAgeOfOldestMessage", queue_name, minutes=10)
    ages = [of_sqs[-1]] if of_sqs else []
    if waiting.total:  # otherwise what was retried is gone
        ages += _points(stack, _NAMESPACE, "RetriedMessageAge", {"service": stack.name}, minutes=20)
    return max(ages, default=None)


def accepted_in_a_day(stack: Stack) -> float | None:
    """Return how many messages Sociocs accepted in the last 24 hours; None when nothing says it."""
    points = _points(stack, _NAMESPACE, "MessagesAccepted", {"service": stack.name}, minutes=24 * 60, statistic="Sum")
    return sum(points) if points else None


def _points(
    stack: Stack,
    namespace: str,
    name: str,
    dimensions: Mapping[str, str],
    *,
    minutes: int,
    statistic: Literal["Maximum", "Sum"] = "Maximum",
) -> list[float]:
    """Read a metric over the latest minutes, in the order of time; empty when there is none or it may not be read."""
    now = datetime.now(UTC)
    try:
        points = stack.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - timedelta(minutes=minutes),
            EndTime=now,
            Period=60 if statistic == "Maximum" else 3600,
            Statistics=[statistic],
        )["Datapoints"]
    except AWS_ERRORS:
        return []
    return [point[statistic] for point in sorted(points, key=lambda point: point["Timestamp"])]
