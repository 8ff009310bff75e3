"""The event that Lambda makes of a batch, and what the function's response says about it."""

from typing import Any

import pytest

from sandbox.lambda_service.runtime_api import Result
from sandbox.lambda_service.sqs_event import MAXIMUM_EVENT_BYTES, failed_message_ids, within_event_limit


@pytest.mark.parametrize(
    ("payload", "failed"),
    [
        (None, set()),
        ({}, set()),
        ({"batchItemFailures": []}, set()),
        ({"batchItemFailures": None}, set()),
        ({"other": 1}, set()),
        ({"batchItemFailures": [{"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "a"}]}, {"a"}),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": None}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": 1}]}, {"a", "b"}),
        ({"batchItemFailures": [{"ItemIdentifier": "a"}]}, {"a", "b"}),
        ({"batchItemFailures": [{"itemIdentifier": "a"}, {"itemIdentifier": "unknown"}]}, {"a", "b"}),
        ({"batchItemFailures": ["a"]}, {"a", "b"}),
        ({"batchItemFailures": {"itemIdentifier": "a"}}, {"a", "b"}),
        ("text", {"a", "b"}),
        ([], {"a", "b"}),
    ],
)
def test_partial_batch_responses(payload: Any, failed: set[str]) -> None:
    """Each kind of answer that Lambda's documentation names is read as it says."""
    assert failed_message_ids(Result(payload), ["a", "b"], partial_responses=True) == failed
    assert failed_message_ids(Result(payload), ["a", "b"], partial_responses=False) == set()
    assert failed_message_ids(Result(payload, "Unhandled"), ["a", "b"], partial_responses=False) == {"a", "b"}


def test_a_batch_is_cut_at_six_megabytes() -> None:
    """Ten messages of 1 MiB do not fit into one invocation; none is left out and their order stays."""
    messages: list[Any] = [{"MessageId": str(n), "Body": "x" * 1024 * 1024} for n in range(10)]
    parts = list(within_event_limit(messages))
    assert [len(part) for part in parts] == [5, 5]
    assert [message for part in parts for message in part] == messages
    assert all(sum(len(message["Body"]) for message in part) < MAXIMUM_EVENT_BYTES for part in parts)
    assert list(within_event_limit([])) == []
