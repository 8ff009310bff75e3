"""Numbers that depend on each other agree for every value of the parameters."""

from typing import Any

import pytest

from message_sender.aws import ANSWER_SECONDS, CALL_SECONDS, CONNECT_SECONDS
from message_sender.batch import RESERVE_SECONDS
from sandbox.aws.cloudformation.functions import TemplateError
from tests.support.function_settings import function_settings

TEN = [str(number) for number in range(1, 11)]


def _largest(template: dict[str, Any], name: str) -> float:
    parameter = template["Parameters"][name]
    return float(parameter.get("MaxValue") or max(parameter["AllowedValues"]))


def _smallest(template: dict[str, Any], name: str) -> float:
    parameter = template["Parameters"][name]
    return float(parameter["MinValue"])


def test_the_functions_timeout_follows_from_the_read_timeout(template: dict[str, Any]) -> None:
    """It allows two full requests (a 401 causes a second one) and 10 s for the ledger, the secret and the routing."""
    mapping = template["Mappings"]["TimingByReadTimeoutSeconds"]
    longest_connect = _largest(template, "ConnectTimeoutSeconds")
    assert [int(key) for key in mapping] == template["Parameters"]["ReadTimeoutSeconds"]["AllowedValues"]
    for read_timeout, timing in mapping.items():
        assert timing["FunctionTimeoutSeconds"] == 2 * (longest_connect + int(read_timeout)) + 10
        assert timing["FunctionTimeoutSeconds"] <= 900, "900 s are the maximum of Lambda"


def test_the_visibility_timeout_follows_from_the_functions_timeout(template: dict[str, Any]) -> None:
    """It is six times the function's timeout plus the longest batch window."""
    longest_window = _largest(template, "BatchWindowSeconds")
    for timing in template["Mappings"]["TimingByReadTimeoutSeconds"].values():
        assert timing["VisibilityTimeoutSeconds"] == 6 * timing["FunctionTimeoutSeconds"] + longest_window
        assert timing["VisibilityTimeoutSeconds"] <= 12 * 3600, "12 hours are the maximum of SQS"


@pytest.mark.parametrize("read_timeout", ["5", "10", "15", "20", "30", "45", "60"])
def test_function_and_queue_get_the_numbers_of_their_read_timeout(resolve: Any, read_timeout: str) -> None:
    """The function and the queue have the numbers of the mapping."""
    resources = resolve(ReadTimeoutSeconds=read_timeout).resources
    timeout = resources["SendMessageFunction"]["Properties"]["Timeout"]
    assert timeout > 2 * int(read_timeout)
    assert resources["MessageQueue"]["Properties"]["VisibilityTimeout"] >= 6 * timeout + 60


def test_dead_letters_are_kept_longer_than_messages_and_keys_longer_than_both(template: dict[str, Any]) -> None:
    """SQS counts the age of a dead letter from its first queue. A late redrive must still find its key."""
    queue, dead_letters = (
        template["Mappings"]["Fixed"]["MessageQueue"],
        template["Mappings"]["Fixed"]["DeadLetterQueue"],
    )
    assert queue["RetentionSeconds"] == queue["RetentionHours"] * 3600
    assert dead_letters["RetentionSeconds"] > queue["RetentionSeconds"]
    assert dead_letters["RetentionSeconds"] == 14 * 86400, "SQS's own most"
    longest_wait = (
        queue["RetentionSeconds"] + _largest(template, "MaximumRetryHours") * 3600 + dead_letters["RetentionSeconds"]
    )
    assert _smallest(template, "IdempotencyDays") * 86400 >= longest_wait
    assert template["Parameters"]["IdempotencyDays"]["Default"] == 19, "4 + 1 + 14 days"
    assert _largest(template, "MaximumRetryHours") < queue["RetentionHours"] / 2


def test_receives_outlast_the_longest_retry(template: dict[str, Any]) -> None:
    """With the shortest waits, the receives of the redrive policy take longer than MaximumRetryHours."""
    receives = template["Mappings"]["Fixed"]["MessageQueue"]["MaximumReceiveCount"]
    shortest = sum(min(900, 30 * 2**receive) / 2 for receive in range(receives))
    assert shortest > _largest(template, "MaximumRetryHours") * 3600


def test_the_worst_case_of_a_send_fits_into_the_function(template: dict[str, Any]) -> None:
    """Secret and ledger hang before the request, ledger and queues after it: the invocation ends in time."""
    assert CALL_SECONDS >= CONNECT_SECONDS + ANSWER_SECONDS + 1, "botocore waits up to 1 s before its second try"
    assert RESERVE_SECONDS >= 3 * CALL_SECONDS, "the ledger's write, the dead letters, and the waits of what goes back"
    for read_timeout, timing in template["Mappings"]["TimingByReadTimeoutSeconds"].items():
        for connect_timeout in ("0.5", "5"):
            settings = function_settings(connect_timeout_seconds=connect_timeout, read_timeout_seconds=read_timeout)
            before = 2 * CALL_SECONDS  # the claim of the key, and the secret
            needed = before + settings.attempt_seconds + RESERVE_SECONDS
            # The smallest function has no time for a request after a claim and a secret that hang: it is handed back.
            assert needed <= timing["FunctionTimeoutSeconds"] + (before if int(read_timeout) < 10 else 0)


def test_a_slow_connection_cannot_use_up_the_function(template: dict[str, Any]) -> None:
    """The timeouts of one request together are shorter than the function's timeout."""
    for read_timeout, timing in template["Mappings"]["TimingByReadTimeoutSeconds"].items():
        assert _largest(template, "ConnectTimeoutSeconds") + int(read_timeout) < timing["FunctionTimeoutSeconds"]


def test_reserved_concurrency_is_the_maximum_concurrency(resolve: Any) -> None:
    """It is not less than the mapping may use, because Lambda would throttle the rest."""
    function = resolve(ReserveConcurrency="true", MaximumConcurrency="40").resources["SendMessageFunction"]
    assert function["Properties"]["ReservedConcurrentExecutions"] == 40
    assert "ReservedConcurrentExecutions" not in resolve().resources["SendMessageFunction"]["Properties"]


def _broken(resolve: Any, template: dict[str, Any], **values: str) -> set[str]:
    """Return the names of the rules that these parameters break."""
    try:
        resolve(**values)
    except TemplateError as error:
        return {name for name in template["Rules"] if f"{name}: " in str(error)}
    return set()


def test_defaults_break_no_rule(resolve: Any, template: dict[str, Any]) -> None:
    """A deployment without parameters breaks no rule."""
    assert _broken(resolve, template) == set()


def test_a_batch_over_ten_needs_a_window(resolve: Any, template: dict[str, Any]) -> None:
    """Lambda refuses such a batch without a window. The rule says so before CloudFormation makes a resource."""
    rule = "BatchesOverTenNeedAWindow"
    for size in template["Parameters"]["BatchSize"]["AllowedValues"]:
        assert (rule in _broken(resolve, template, BatchSize=str(size))) == (size > 10)
        assert rule not in _broken(resolve, template, BatchSize=str(size), BatchWindowSeconds="1")


def test_every_list_of_ten_in_the_rules_is_the_same(template: dict[str, Any]) -> None:
    """Both rules about batches over ten have the same list of sizes."""
    window = template["Rules"]["BatchesOverTenNeedAWindow"]["RuleCondition"]["Fn::Not"][0]
    fifo = template["Rules"]["FifoQueuesHaveSmallBatchesAndNoWindow"]["Assertions"][0]["Assert"]
    assert window["Fn::Contains"][0] == fifo["Fn::Contains"][0] == TEN


@pytest.mark.parametrize(
    ("values", "broken"),
    [
        ({}, set()),
        ({"BatchSize": "10"}, set()),
        ({"BatchSize": "20", "BatchWindowSeconds": "1"}, {"FifoQueuesHaveSmallBatchesAndNoWindow"}),
        ({"BatchWindowSeconds": "1"}, {"FifoQueuesHaveSmallBatchesAndNoWindow"}),
        ({"EventBridgeTarget": "function"}, {"FifoQueuesHaveSmallBatchesAndNoWindow"}),
    ],
)
def test_a_fifo_queue_has_small_batches_no_window_and_no_direct_events(
    resolve: Any, template: dict[str, Any], values: dict[str, str], broken: set[str]
) -> None:
    """SQS and Lambda do not allow the other combinations."""
    assert _broken(resolve, template, QueueType="fifo", **values) == broken
    assert _broken(resolve, template, **values) == set()


def test_a_pace_for_direct_events_needs_reserved_concurrency(resolve: Any, template: dict[str, Any]) -> None:
    """Each instance has its share of the pace, so the number of instances must be limited."""
    rule = "PaceOfDirectEventsNeedsReservedConcurrency"
    direct = {"EventBridgeTarget": "function", "MaxSendsPerSecond": "5"}
    assert rule in _broken(resolve, template, **direct)
    assert rule not in _broken(resolve, template, **direct, ReserveConcurrency="true")
    assert rule not in _broken(resolve, template, EventBridgeTarget="function")
    assert rule not in _broken(resolve, template, MaxSendsPerSecond="5")


def test_rules_are_explained(template: dict[str, Any]) -> None:
    """Each rule has a sentence for the person who breaks it."""
    for rule in template["Rules"].values():
        assert all(assertion["AssertDescription"].endswith(".") for assertion in rule["Assertions"])
