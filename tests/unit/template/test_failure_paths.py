"""Every failed message or event reaches a dead-letter queue, and nothing deletes it."""

from typing import Any

import pytest

from sandbox.aws.cloudformation.engine import in_dependency_order
from sandbox.aws.cloudformation.functions import references
from sandbox.aws.cloudformation.template import dependencies

HOLDS_DATA = {"AWS::SQS::Queue", "AWS::DynamoDB::Table", "AWS::SecretsManager::Secret", "AWS::Logs::LogGroup"}


def _dead_letters_of(resources: dict[str, Any], rule: str) -> Any:
    (target,) = resources[rule]["Properties"]["Targets"]
    return target["DeadLetterConfig"]["Arn"]


def _on_failure(resources: dict[str, Any]) -> Any:
    config = resources["SendMessageFunctionEventInvokeConfig"]["Properties"]
    return config["DestinationConfig"]["OnFailure"]["Destination"]


@pytest.mark.parametrize("queue_type", ["standard", "fifo"])
def test_deleting_the_stack_or_replacing_a_resource_keeps_its_data(resolve: Any, queue_type: str) -> None:
    """Queues, table, secret and log stay. Only a first deployment that fails removes them."""
    for name, resource in resolve(QueueType=queue_type).resources.items():
        if resource["Type"] in HOLDS_DATA:
            policies = (resource["DeletionPolicy"], resource["UpdateReplacePolicy"])
            assert policies == ("RetainExceptOnCreate", "Retain"), name


@pytest.mark.parametrize(("target", "rule"), [("queue", "SendMessageRule"), ("function", "SendMessageFunctionRule")])
def test_there_is_one_rule_with_a_dead_letter_queue(resolve: Any, target: str, rule: str) -> None:
    """EventBridge retries for one day and then writes a dead letter."""
    resources = resolve(EventBridgeTarget=target).resources
    assert [name for name, resource in resources.items() if resource["Type"] == "AWS::Events::Rule"] == [rule]
    (destination,) = resources[rule]["Properties"]["Targets"]
    assert destination["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    assert _dead_letters_of(resources, rule) == {"Fn::GetAtt": ["MessageDeadLetterQueue", "Arn"]}


@pytest.mark.parametrize(
    ("parameters", "rule", "permissions"),
    [
        ({}, "SendMessageRule", {"MessageQueuePolicy", "MessageDeadLetterQueuePolicy"}),
        (
            {"QueueType": "fifo"},
            "SendMessageRule",
            {"MessageQueuePolicy", "MessageDeadLetterQueuePolicy", "EventDeadLetterQueuePolicy"},
        ),
        (
            {"EventBridgeTarget": "function"},
            "SendMessageFunctionRule",
            {"SendMessageFunctionRulePermission", "MessageDeadLetterQueuePolicy"},
        ),
    ],
    ids=["queue", "fifo", "function"],
)
def test_a_rule_waits_for_what_lets_it_deliver(
    resolve: Any, parameters: dict[str, str], rule: str, permissions: set[str]
) -> None:
    """An event that arrives before the permission would be refused and not retried."""
    resources = resolve(**parameters).resources
    needed = references(resources[rule]) | dependencies(resources[rule])
    assert {name for name in needed if name.endswith(("Policy", "Permission"))} == permissions
    order = in_dependency_order(resources)
    assert all(order.index(permission) < order.index(rule) for permission in permissions)


def test_no_resource_depends_on_one_that_a_condition_leaves_out(template: dict[str, Any]) -> None:
    """CloudFormation would then leave out the resource as well, without an error."""
    resources = template["Resources"]
    for name, resource in resources.items():
        for dependency in dependencies(resource):
            condition = resources[dependency].get("Condition", resource.get("Condition"))
            assert condition == resource.get("Condition"), (name, dependency)


@pytest.mark.parametrize("parameters", [{}, {"EventBridgeTarget": "function"}])
def test_the_rule_takes_send_message_events_from_any_source(resolve: Any, parameters: dict[str, str]) -> None:
    """The pattern always has the detail-type. It has sources only if EventSources is set."""
    for sources, pattern in (("", {}), ("com.a,com.b", {"source": ["com.a", "com.b"]})):
        resources = resolve(EventSources=sources, **parameters).resources
        (rule,) = [resource for resource in resources.values() if resource["Type"] == "AWS::Events::Rule"]
        assert rule["Properties"]["EventPattern"] == {"detail-type": ["Send Message"]} | pattern


def test_an_event_that_the_function_fails_goes_to_the_dead_letters(resolve: Any) -> None:
    """Lambda tries three times within 6 hours and then writes the event to the queue."""
    resources = resolve(EventBridgeTarget="function").resources
    config = resources["SendMessageFunctionEventInvokeConfig"]["Properties"]
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (2, 21600)
    assert _on_failure(resources) == {"Fn::GetAtt": ["MessageDeadLetterQueue", "Arn"]}


def test_a_fifo_queues_events_fail_into_a_standard_queue(resolve: Any) -> None:
    """EventBridge and Lambda cannot write undelivered events to a FIFO queue."""
    resources = resolve(QueueType="fifo").resources
    standard = {"Fn::GetAtt": ["EventDeadLetterQueue", "Arn"]}
    assert _dead_letters_of(resources, "SendMessageRule") == standard
    assert _on_failure(resources) == standard
    assert "FifoQueue" not in resources["EventDeadLetterQueue"]["Properties"]
    assert "EventDeadLetterQueue" not in resolve().resources


def test_the_redrive_policy_moves_a_message_that_kills_the_function(resolve: Any) -> None:
    """The function knows the number of receives after which SQS moves a message."""
    resources = resolve().resources
    policy = resources["MessageQueue"]["Properties"]["RedrivePolicy"]
    assert policy["deadLetterTargetArn"] == {"Fn::GetAtt": ["MessageDeadLetterQueue", "Arn"]}
    variables = resources["SendMessageFunction"]["Properties"]["Environment"]["Variables"]
    assert policy["maxReceiveCount"] == variables["MAXIMUM_RECEIVE_COUNT"] == 200
    assert variables["DEAD_LETTER_QUEUE_URL"] == {"Ref": "MessageDeadLetterQueue"}
    assert variables["MESSAGE_QUEUE_URL"] == {"Ref": "MessageQueue"}


@pytest.mark.parametrize(("queue_type", "ending"), [("standard", ""), ("fifo", ".fifo")])
def test_only_the_queue_itself_may_use_the_dead_letters(resolve: Any, queue_type: str, ending: str) -> None:
    """The ARN in RedriveAllowPolicy is the ARN of the queue."""
    resources = resolve(QueueType=queue_type).resources
    name = resources["MessageQueue"]["Properties"]["QueueName"]
    assert name == f"stack-messages-0a1b2c3d{ending}"
    allow = resources["MessageDeadLetterQueue"]["Properties"]["RedriveAllowPolicy"]
    assert allow == {
        "redrivePermission": "byQueue",
        "sourceQueueArns": [f"arn:aws:sqs:eu-west-1:123456789012:{name}"],
    }
    assert resources["MessageQueue"]["Properties"]["RedriveAllowPolicy"] == {"redrivePermission": "denyAll"}


def test_fifo_queues_are_fifo_throughout(resolve: Any) -> None:
    """A FIFO queue needs a FIFO dead-letter queue, and both names end with .fifo."""
    resources = resolve(QueueType="fifo").resources
    for name in ("MessageQueue", "MessageDeadLetterQueue"):
        properties = resources[name]["Properties"]
        assert properties["FifoQueue"] is True
        assert properties["ContentBasedDeduplication"] is True
        assert properties["QueueName"].endswith(".fifo")
    queue = resources["MessageQueue"]["Properties"]
    # These two settings give each group its own throughput and its own deduplication.
    assert (queue["DeduplicationScope"], queue["FifoThroughputLimit"]) == ("messageGroup", "perMessageGroupId")
    (target,) = resources["SendMessageRule"]["Properties"]["Targets"]
    assert target["SqsParameters"]["MessageGroupId"]


def test_standard_queues_have_no_fifo_properties(resolve: Any) -> None:
    """Standard queues have no FIFO property, because CloudFormation refuses `FifoQueue: false`."""
    resources = resolve().resources
    for name in ("MessageQueue", "MessageDeadLetterQueue"):
        assert not {"FifoQueue", "ContentBasedDeduplication"} & set(resources[name]["Properties"])
    (target,) = resources["SendMessageRule"]["Properties"]["Targets"]
    assert "SqsParameters" not in target


def test_the_ledger_expires_its_items_and_can_be_restored(resolve: Any) -> None:
    """The table has the attribute names of the code, and a backup: an empty table would allow every message again."""
    properties = resolve().resources["LedgerTable"]["Properties"]
    assert properties["KeySchema"] == [{"AttributeName": "pk", "KeyType": "HASH"}]
    assert properties["AttributeDefinitions"] == [{"AttributeName": "pk", "AttributeType": "S"}]
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires", "Enabled": True}
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
