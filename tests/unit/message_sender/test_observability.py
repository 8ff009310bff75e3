"""Log lines and metrics: what they say, and what of an exception they do not."""

import json
import uuid
from typing import Any

import pytest

from message_sender.observability import Metric, Observer
from message_sender.version import VERSION


def an_observer() -> Observer:
    """One of its own, made within the test: Powertools keeps one logger for a service, and the output it began with."""
    return Observer(namespace="Test", service=f"test-{uuid.uuid4().hex}")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What was written."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_every_line_names_the_invocation_and_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    """Who is on call sees which version wrote it."""
    observer = an_observer()
    observer.invocation("request-1")
    observer.message("message accepted", needs_attention=False, message_id="m-1", nothing=None)

    (line,) = lines(capsys)
    assert (line["function_request_id"], line["version"], line["message_id"]) == ("request-1", VERSION, "m-1")
    assert "nothing" not in line


def test_a_bug_is_placed_and_not_quoted(capsys: pytest.CaptureFixture[str]) -> None:
    """The exception's own words may be a message's."""
    observer = an_observer()
    try:
        raise KeyError("+16175550123")
    except KeyError:
        observer.bug("a message could not be handled")

    (line,) = lines(capsys)
    assert line["exception"] == "KeyError"
    assert any("test_observability" in frame for frame in line["frames"])
    assert "6175550123" not in json.dumps(line)


def test_metrics_are_written_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Counts are sums, codes are a dimension, durations are values in their unit."""
    observer = an_observer()
    for _ in range(3):
        observer.count(Metric.ACCEPTED)
    observer.count(Metric.DEFERRED, "API_THROTTLED")
    observer.time(Metric.API_LATENCY, 0.25)
    observer.time(Metric.RETRIED_AGE, 90)
    observer.flush()
    observer.flush()

    plain, coded = lines(capsys)
    assert (plain["MessagesAccepted"], plain["ApiLatency"], plain["RetriedMessageAge"]) == ([3.0], [250.0], [90.0])
    assert (coded["MessagesDeferred"], coded["code"]) == ([1.0], "API_THROTTLED")
