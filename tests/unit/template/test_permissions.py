"""Permissions: least privilege for the function, TLS for all callers, and conditions on the ARN of each source."""

import json
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

QUEUES_AND_POLICIES = {
    "MessageQueue": "MessageQueuePolicy",
    "MessageDeadLetterQueue": "MessageDeadLetterQueuePolicy",
    "EventDeadLetterQueue": "EventDeadLetterQueuePolicy",
}

FUNCTION_ACTIONS = {
    "dynamodb:DeleteItem",
    "dynamodb:GetItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "secretsmanager:GetSecretValue",
    "sqs:ChangeMessageVisibility",
    "sqs:DeleteMessage",
    "sqs:GetQueueAttributes",
    "sqs:ReceiveMessage",
    "sqs:SendMessage",
}

KEY = "arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d"

VARIANTS: list[dict[str, str]] = [
    {},
    {"QueueType": "fifo"},
    {"EventBridgeTarget": "function"},
    {"OutcomeEventBusName": "outcomes"},
    {"Tracing": "true"},
    {"KmsKeyArn": KEY, "ProducerAccountIds": "111122223333,444455556666"},
]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _statements(resource: dict[str, Any]) -> list[dict[str, Any]]:
    properties = resource["Properties"]
    documents = [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    documents += [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    return [statement for document in documents for statement in document["Statement"]]


def _function_statements(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {statement["Sid"]: statement for statement in _statements(resources["SendMessageFunctionRole"])}


def _allowed(resources: dict[str, Any]) -> set[str]:
    return {action for s in _function_statements(resources).values() for action in _list(s["Action"])}


def _documents(resources: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, resource in resources.items():
        for statement in _statements(resource):
            yield name, statement


def test_the_function_may_do_this_and_nothing_else(resolve: Any) -> None:
    """The role has exactly these actions, because a stolen role could use every other one too."""
    assert _allowed(resolve().resources) == FUNCTION_ACTIONS


def test_lambda_alone_may_take_the_functions_role(resolve: Any) -> None:
    """No other service can assume the role."""
    document = resolve().resources["SendMessageFunctionRole"]["Properties"]["AssumeRolePolicyDocument"]
    assert document["Statement"] == [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ]


def test_eventbridge_alone_may_invoke_the_function(resolve: Any) -> None:
    """When events go to the queue, nobody may invoke the function."""
    resources = resolve(EventBridgeTarget="function").resources
    permissions = {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::Lambda::Permission"}
    assert permissions == {
        "SendMessageFunctionRulePermission": {
            "FunctionName": {"Ref": "SendMessageFunction"},
            "Action": "lambda:InvokeFunction",
            "Principal": "events.amazonaws.com",
            "SourceArn": "arn:aws:events:eu-west-1:123456789012:rule/stack-to-function",
        }
    }
    assert not [name for name, r in resolve().resources.items() if r["Type"] == "AWS::Lambda::Permission"]


def test_a_customer_key_is_used_through_these_services_only(resolve: Any) -> None:
    """The function's role uses the key through four services, and a producer's role through SQS."""
    resources = resolve(KmsKeyArn=KEY).resources
    through = {
        "SendMessageFunctionRole": ["dynamodb", "lambda", "secretsmanager", "sqs"],
        "ProducerPolicy": ["sqs"],
    }
    for name, services in through.items():
        (statement,) = [s for s in _statements(resources[name]) if s["Resource"] == KEY]
        assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
        (condition,) = statement["Condition"].values()
        assert _list(condition["kms:ViaService"]) == [f"{service}.eu-west-1.amazonaws.com*" for service in services]


def test_the_function_has_a_role_of_its_own_without_managed_policies(resolve: Any) -> None:
    """A function without `Role` would get managed policies with wider permissions from SAM."""
    resources = resolve().resources
    assert resources["SendMessageFunction"]["Properties"]["Role"] == {"Fn::GetAtt": ["SendMessageFunctionRole", "Arn"]}
    assert [name for name, r in resources.items() if r["Type"] == "AWS::IAM::Role"] == ["SendMessageFunctionRole"]
    assert "ManagedPolicyArns" not in resources["SendMessageFunctionRole"]["Properties"]


@pytest.mark.parametrize("parameters", VARIANTS, ids=lambda parameters: "-".join(parameters) or "defaults")
def test_no_statement_is_wider_than_it_says(resolve: Any, parameters: dict[str, str]) -> None:
    """No Allow has a wildcard as action, or `*` as resource, except where AWS has no resource."""
    for name, statement in _documents(resolve(**parameters).resources):
        where = f"{name}.{statement['Sid']}"
        if statement["Effect"] == "Deny":
            continue
        assert not [action for action in _list(statement["Action"]) if "*" in action], where
        assert ("*" in _list(statement["Resource"])) == (where == "SendMessageFunctionRole.WriteTraces"), where
        assert "NotAction" not in statement, where
        assert "NotResource" not in statement, where
        assert statement.get("Principal") != "*", where


def test_a_permission_is_granted_only_in_the_variant_that_uses_it(resolve: Any) -> None:
    """Outcome events, direct events and a customer managed key each add their own statement."""
    defaults = set(_function_statements(resolve().resources))
    assert set(_function_statements(resolve(OutcomeEventBusName="outcomes").resources)) - defaults == {
        "PublishOutcomes"
    }
    direct = set(_function_statements(resolve(EventBridgeTarget="function").resources))
    assert direct - defaults == {"QueueDirectEventsThatMustWait"}
    assert set(_function_statements(resolve(KmsKeyArn=KEY).resources)) - defaults == {"UseTheCustomerKey"}
    paused = _function_statements(resolve(EventBridgeTarget="function", Paused="true").resources)
    assert "QueueDirectEventsThatMustWait" in paused, (
        "Lambda may still deliver events that it accepted before the pause"
    )


def test_the_function_publishes_under_its_own_name_on_its_own_bus(resolve: Any) -> None:
    """It cannot put events with the source of another program."""
    statement = _function_statements(resolve(OutcomeEventBusName="outcomes").resources)["PublishOutcomes"]
    assert statement["Resource"] == "arn:aws:events:eu-west-1:123456789012:event-bus/outcomes"
    assert statement["Condition"] == {"StringEquals": {"events:source": "sociocs.message-sender"}}


def test_an_existing_secret_is_the_one_that_is_read(resolve: Any) -> None:
    """With an existing secret the stack makes none, and the function may read only that one."""
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:sociocs/apikey-AbCdEf"
    plain = resolve(ApiKeySecretArn=arn)
    assert _function_statements(plain.resources)["ReadTheApiKey"]["Resource"] == arn
    assert plain.outputs["ApiKeySecretArn"]["Value"] == arn
    assert "ApiKeySecret" not in plain.resources


def test_the_stacks_secret_is_empty_and_has_no_policy(resolve: Any) -> None:
    """The secret has no value in the template. A Deny would also stop CloudFormation from reading and updating it."""
    resources = resolve().resources
    assert not {"SecretString", "GenerateSecretString"} & set(resources["ApiKeySecret"]["Properties"])
    assert not [name for name, r in resources.items() if r["Type"] == "AWS::SecretsManager::ResourcePolicy"]


def test_the_command_for_the_apikey_takes_it_from_the_input(resolve: Any) -> None:
    """The key is not on the command line, which is visible in shell histories and process lists."""
    command = json.dumps(resolve().outputs["ApiKeyCommand"]["Value"])
    assert "aws secretsmanager put-secret-value --region eu-west-1" in command
    assert "--secret-string file:///dev/stdin" in command


def test_the_producer_policy_keeps_its_arn(resolve: Any) -> None:
    """A change of these properties replaces a managed policy, so it has none of them (AWS::IAM::ManagedPolicy)."""
    properties = resolve().resources["ProducerPolicy"]["Properties"]
    assert not {"Description", "ManagedPolicyName", "Path"} & set(properties)


@pytest.mark.parametrize("parameters", VARIANTS, ids=lambda parameters: "-".join(parameters) or "defaults")
def test_every_queue_refuses_plain_http(resolve: Any, parameters: dict[str, str]) -> None:
    """Every queue has a policy, and every policy has this Deny."""
    resources = resolve(**parameters).resources
    queues = [name for name, resource in resources.items() if resource["Type"] == "AWS::SQS::Queue"]
    for queue in queues:
        policy = resources[QUEUES_AND_POLICIES[queue]]
        assert policy["Properties"]["Queues"] == [{"Ref": queue}]
        deny = next(statement for statement in _statements(policy) if statement["Sid"] == "TlsOnly")
        assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "sqs:*")
        assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        assert deny["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}


ACCOUNT_RULES = "arn:aws:events:eu-west-1:123456789012:rule"
STANDARD, FIFO = {"QueueType": "standard"}, {"QueueType": "fifo"}


@pytest.mark.parametrize(
    ("source", "allowed"),
    [
        (f"{ACCOUNT_RULES}/stack-to-queue", True),
        (f"{ACCOUNT_RULES}/orders/stack-to-queue", True),
        (f"{ACCOUNT_RULES}/a-rule-of-another-team", True),
        ("arn:aws:events:eu-west-1:999999999999:rule/stack-to-queue", False),
        ("arn:aws:events:us-east-1:123456789012:rule/stack-to-queue", False),
        ("arn:aws:events:eu-west-1:123456789012:event-bus/default", False),
        (None, False),
    ],
)
@pytest.mark.parametrize(
    ("variant", "policy"),
    [
        (STANDARD, "MessageQueuePolicy"),
        (STANDARD, "MessageDeadLetterQueuePolicy"),
        (FIFO, "MessageQueuePolicy"),
        (FIFO, "EventDeadLetterQueuePolicy"),
    ],
)
def test_rules_of_this_account_may_send_to_the_queue_and_to_its_dead_letters(
    resolve: Any, variant: dict[str, str], policy: str, source: str | None, *, allowed: bool
) -> None:
    """The policy admits each rule of this account and region, and no rule of another."""
    statements = _statements(resolve(**variant).resources[policy])
    context = {"aws:SecureTransport": "true"} | ({"aws:SourceArn": source} if source else {})

    assert admits(statements, "events.amazonaws.com", "sqs:SendMessage", context) is allowed
    assert not admits(statements, "events.amazonaws.com", "sqs:ReceiveMessage", context)
    assert not admits(statements, "events.amazonaws.com", "sqs:SendMessage", context | {"aws:SecureTransport": "false"})


def admits(statements: list[dict[str, Any]], service: str, action: str, context: dict[str, str]) -> bool:
    """Evaluate a resource policy as IAM does: an Allow is needed, and a Deny wins."""
    effects = {
        statement["Effect"]
        for statement in statements
        if statement["Principal"] in ("*", {"Service": service})
        and any(fnmatchcase(action, pattern) for pattern in _list(statement["Action"]))
        and _conditions_hold(statement.get("Condition", {}), context)
    }
    return effects == {"Allow"}


def _conditions_hold(conditions: dict[str, dict[str, Any]], context: dict[str, str]) -> bool:
    """Every operator and every key must match. A key that the request does not have does not match."""
    for operator, keys in conditions.items():
        matches = {"Bool": str.__eq__, "ArnLike": _arn_like}[operator]
        for key, values in keys.items():
            if key not in context or not any(matches(context[key], value) for value in _list(values)):
                return False
    return True


def _arn_like(arn: str, pattern: str) -> bool:
    """Compare ARNs part by part: a wildcard does not cross a colon before the resource ("ArnLike" in IAM's guide)."""
    arn_parts, pattern_parts = arn.split(":", 5), pattern.split(":", 5)
    return len(arn_parts) == len(pattern_parts) and all(map(fnmatchcase, arn_parts, pattern_parts))


@pytest.mark.parametrize(("bus", "path"), [("default", ""), ("orders", "orders/")])
def test_only_the_stacks_rule_may_invoke_the_function(resolve: Any, bus: str, path: str) -> None:
    """The ARN in the permission is the ARN of the rule."""
    resources = resolve(EventBusName=bus, EventBridgeTarget="function").resources
    rule = resources["SendMessageFunctionRule"]["Properties"]

    assert rule["EventBusName"] == bus
    permission = resources["SendMessageFunctionRulePermission"]["Properties"]
    assert permission["SourceArn"] == f"{ACCOUNT_RULES}/{path}{rule['Name']}"


def test_sns_is_allowed_for_topics_of_this_account(resolve: Any) -> None:
    """A topic of another account cannot put messages on the queue."""
    statements = {s["Sid"]: s for s in _statements(resolve().resources["MessageQueuePolicy"])}
    condition = statements["NotificationsFromTopicsOfThisAccount"]["Condition"]
    assert condition == {"ArnLike": {"aws:SourceArn": "arn:aws:sns:*:123456789012:*"}}


def test_other_accounts_may_send_when_they_are_named_and_only_send(resolve: Any) -> None:
    """Named accounts may send and nothing else. Without the parameter there is no such statement."""
    accounts = {"ProducerAccountIds": "111122223333,444455556666"}
    statements = {s["Sid"]: s for s in _statements(resolve(**accounts).resources["MessageQueuePolicy"])}
    statement = statements["MessagesFromOtherAccounts"]
    assert statement["Principal"] == {"AWS": ["111122223333", "444455556666"]}
    assert statement["Action"] == ["sqs:SendMessage", "sqs:GetQueueUrl"]
    names = {s["Sid"] for s in _statements(resolve().resources["MessageQueuePolicy"])}
    assert "MessagesFromOtherAccounts" not in names


def test_a_producer_can_send_and_no_more(resolve: Any) -> None:
    """The policy allows messages on the queue, and events that the rule matches."""
    resources = resolve(EventBusName="orders", EventSources="com.example.orders,com.example.shop").resources
    statements = {s["Sid"]: s for s in _statements(resources["ProducerPolicy"])}
    assert set(statements) == {"PutMessagesOnTheQueue", "PutSendMessageEvents"}
    assert statements["PutMessagesOnTheQueue"]["Action"] == ["sqs:SendMessage", "sqs:GetQueueUrl"]
    assert statements["PutMessagesOnTheQueue"]["Resource"] == {"Fn::GetAtt": ["MessageQueue", "Arn"]}
    events = statements["PutSendMessageEvents"]
    assert events["Resource"] == "arn:aws:events:eu-west-1:123456789012:event-bus/orders"
    rule = resources["SendMessageRule"]["Properties"]["EventPattern"]
    assert events["Condition"]["StringEquals"]["events:detail-type"] == rule["detail-type"][0] == "Send Message"
    assert events["Condition"]["StringEquals"]["events:source"] == rule["source"]


def test_everything_is_encrypted_with_the_customers_key_when_there_is_one(resolve: Any) -> None:
    """The key encrypts queues, ledger, secret, log and environment. Their users may use it through those services."""
    resources = resolve(KmsKeyArn=KEY, QueueType="fifo").resources
    for queue in QUEUES_AND_POLICIES:
        assert resources[queue]["Properties"]["KmsMasterKeyId"] == KEY
        assert "SqsManagedSseEnabled" not in resources[queue]["Properties"]
    assert resources["LedgerTable"]["Properties"]["SSESpecification"]["KMSMasterKeyId"] == KEY
    assert resources["ApiKeySecret"]["Properties"]["KmsKeyId"] == KEY
    assert resources["SendMessageFunctionLogGroup"]["Properties"]["KmsKeyId"] == KEY
    assert resources["SendMessageFunction"]["Properties"]["KmsKeyArn"] == KEY
    statement = _function_statements(resources)["UseTheCustomerKey"]
    assert statement["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]
    assert len(statement["Condition"]["StringLike"]["kms:ViaService"]) == 4
    assert "EncryptForTheQueue" in {s["Sid"] for s in _statements(resources["ProducerPolicy"])}


def test_queues_are_encrypted_without_a_customers_key(resolve: Any) -> None:
    """The template turns on encryption with SQS's keys, because the default of an account may differ."""
    resources = resolve(QueueType="fifo").resources
    for queue in QUEUES_AND_POLICIES:
        assert resources[queue]["Properties"]["SqsManagedSseEnabled"] is True
        assert "KmsMasterKeyId" not in resources[queue]["Properties"]


def test_no_parameter_is_a_secret(template: dict[str, Any]) -> None:
    """No parameter needs NoEcho, because the apikey is never a parameter."""
    assert not [name for name, parameter in template["Parameters"].items() if "NoEcho" in parameter]
