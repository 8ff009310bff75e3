"""What CloudWatch says about a stack."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from message_sender.aws import AWS_ERRORS
from message_sender.outcome import ErrorCode
from sociocs_cli.queue import Depth
from sociocs_cli.stack import Stack
from sociocs_cli.text import timestamp

RETRIED_WITHIN = timedelta(minutes=15)
"""The longest wait between two tries of a message."""
_RECENT = RETRIED_WITHIN + timedelta(minutes=5)
"""A code that still keeps messages back is counted at least once in this time."""
_NAMESPACE = "SociocsMessageSender"
_NEVER_DEFERRED = {
    ErrorCode.INVALID_MESSAGE,
    ErrorCode.EXPIRED,
    ErrorCode.IDEMPOTENCY_CONFLICT,
    ErrorCode.API_REJECTED,
    ErrorCode.RETRIES_EXHAUSTED,
}


@dataclass(frozen=True, slots=True)
class Deferral:
    """Why messages go back to the queue at the moment."""

    code: str
    times: int
    """How often a message was put back for this in the last 20 minutes."""
    since: datetime
    """When it began: before this moment no message was put back for it for 20 minutes. At most a day ago."""

    def row(self) -> dict[str, str | int]:
        """Write it for programs."""
        return {"code": self.code, "times": self.times, "since": timestamp(self.since)}


def deferrals(stack: Stack) -> list[Deferral]:
    """Return why messages were put back in the last 20 minutes, the most frequent first; empty when nothing says it."""
    found = []
    for code in ErrorCode:
        if code in _NEVER_DEFERRED:
            continue
        dimensions = {"service": stack.name, "code": code.value}
        points = _points(
            stack, _NAMESPACE, "MessagesDeferred", dimensions, minutes=24 * 60, period=300, statistic="Sum"
        )
        recent = [point.value for point in points if point.at > datetime.now(UTC) - _RECENT]
        if recent:
            found.append(Deferral(code.value, round(sum(recent)), _since([point.at for point in points])))
    return sorted(found, key=lambda deferral: -deferral.times)


def _since(moments: list[datetime]) -> datetime:
    """Return where the latest stretch of moments begins in which none is further from the next than a retry may be."""
    since = moments[-1]
    for moment in reversed(moments):
        if since - moment > _RECENT:
            break
        since = moment
    return since


def oldest_seconds(stack: Stack, waiting: Depth) -> float | None:
    """Return for how many seconds the oldest message has waited; None when nothing says it.

    SQS's own metric leaves out messages that were received three times. The function reports the age of those with
    every retry. Two retries are up to 15 minutes apart.
    """
    queue_name = {"QueueName": stack.queue_url.rpartition("/")[2]}
    of_sqs = _points(stack, "AWS/SQS", "ApproximateAgeOfOldestMessage", queue_name, minutes=10)
    ages = [of_sqs[-1].value] if of_sqs else []
    if waiting.total:  # otherwise what was retried is gone
        retried = _points(stack, _NAMESPACE, "RetriedMessageAge", {"service": stack.name}, minutes=20)
        ages += (point.value for point in retried)
    return max(ages, default=None)


def accepted_in_a_day(stack: Stack) -> float | None:
    """Return how many messages Sociocs accepted in the last 24 hours; None when nothing says it."""
    points = _points(
        stack,
        _NAMESPACE,
        "MessagesAccepted",
        {"service": stack.name},
        minutes=24 * 60,
        period=3600,
        statistic="Sum",
    )
    return sum(point.value for point in points) if points else None


@dataclass(frozen=True, slots=True)
class _Point:
    at: datetime
    value: float


def _points(
    stack: Stack,
    namespace: str,
    name: str,
    dimensions: Mapping[str, str],
    *,
    minutes: int,
    period: int = 60,
    statistic: Literal["Maximum", "Sum"] = "Maximum",
) -> list[_Point]:
    """Read a metric over the latest minutes, in the order of time; empty when there is none or it may not be read."""
    now = datetime.now(UTC)
    try:
        points = stack.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - timedelta(minutes=minutes),
            EndTime=now,
            Period=period,
            Statistics=[statistic],
        )["Datapoints"]
    except AWS_ERRORS:
        return []
    found = (_Point(point["Timestamp"], point[statistic]) for point in points)
    return sorted(found, key=lambda point: point.at)
