"""Log lines and metrics, through Powertools: one line a message, and nothing in either that a message said."""

import sys
import traceback
from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from message_sender.version import VERSION


class Metric(StrEnum):
    """Every metric that the function emits; each stands on the dashboard or in an alarm of the template."""

    ACCEPTED = "MessagesAccepted"
    DUPLICATES = "DuplicatesAcknowledged"
    DEAD_LETTERED = "MessagesDeadLettered"
    """Has the dimension `code` as well."""
    DEFERRED = "MessagesDeferred"
    """Has the dimension `code` as well."""
    DEAD_LETTER_FAILURES = "DeadLetterWriteFailures"
    OUTCOME_EVENT_FAILURES = "OutcomeEventFailures"
    RETRIED_AGE = "RetriedMessageAge"
    """Seconds that a message that goes back has been on the queue; SQS's own metric forgets it after three receives."""
    UNKNOWN_OUTCOMES = "UnknownOutcomes"
    """Messages of which nobody knows whether they were sent, whichever way they went."""
    STALE_API_KEY = "StaleApiKeyUses"
    """Sends with an apikey in hand while the secret cannot be read."""
    API_LATENCY = "ApiLatency"
    """Milliseconds, one value a call."""
    END_TO_END_LATENCY = "EndToEndLatency"
    """Milliseconds from entering the queue to being accepted."""


class Observer:
    """Collects what one invocation did, and writes it out at its end. Counting is safe from any thread."""

    def __init__(self, namespace: str | None = None, service: str | None = None) -> None:
        """Both default to Powertools' own environment variables."""
        self.logger = Logger(service=service, log_uncaught_exceptions=False)
        self._namespace, self._service = namespace, service
        self._counts: list[tuple[Metric, str]] = []
        self._durations: list[tuple[Metric, MetricUnit, float]] = []

    def invocation(self, request_id: str) -> None:
        """Put the invocation's id and the function's version on every line that follows."""
        self.logger.append_keys(function_request_id=request_id, version=VERSION)

    def message(self, what_happened: str, *, needs_attention: bool, **keys: object) -> None:
        """Write the one line of a message, at INFO, or at WARNING when a person has to look at it."""
        write = self.logger.warning if needs_attention else self.logger.info
        write(what_happened, extra={name: value for name, value in keys.items() if value is not None})

    def problem(self, what_happened: str, **keys: object) -> None:
        """Write a line about something other than a message that went wrong."""
        self.logger.warning(what_happened, extra=keys)

    def bug(self, what_happened: str, **keys: object) -> None:
        """Write where the exception at hand came from. Not what it says: that may quote a message."""
        kind, _, trace = sys.exc_info()
        frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
        self.logger.error(what_happened, extra={**keys, "exception": kind.__name__ if kind else "", "frames": frames})

    def count(self, metric: Metric, code: str = "") -> None:
        """Count one; `code` where the metric has that dimension."""
        self._counts.append((metric, code))

    def time(self, metric: Metric, seconds: float) -> None:
        """Record one duration: an age in seconds, anything else in milliseconds."""
        if metric is Metric.RETRIED_AGE:
            self._durations.append((metric, MetricUnit.Seconds, max(0.0, seconds)))
        else:
            self._durations.append((metric, MetricUnit.Milliseconds, max(0.0, seconds) * 1000))

    def flush(self) -> None:
        """Write the metrics of the invocation in CloudWatch's embedded metric format, and start anew."""
        counts, self._counts = Counter(self._counts), []
        durations, self._durations = self._durations, []
        plain = [(metric, MetricUnit.Count, float(n)) for (metric, code), n in counts.items() if not code]
        self._emit([*plain, *durations])
        for code in sorted({code for _, code in counts if code}):
            same = [(metric, MetricUnit.Count, float(n)) for (metric, other), n in counts.items() if other == code]
            self._emit(same, code=code)

    def _emit(self, values: Iterable[tuple[Metric, MetricUnit, float]], **dimensions: str) -> None:
        metrics = EphemeralMetrics(namespace=self._namespace, service=self._service)
        for dimension in dimensions.items():
            metrics.add_dimension(*dimension)
        for metric, unit, value in values:
            metrics.add_metric(metric.value, unit, value)
        if metrics.metric_set:  # Powertools writes them out by itself at 100 values, and complains of nothing left
            metrics.flush_metrics()
