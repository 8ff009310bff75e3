"""The template is in a known order and explains each of its parts."""

import re
from typing import Any

import pytest

SECTIONS = [
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Mappings",
    "Rules",
    "Conditions",
    "Globals",
    "Resources",
    "Outputs",
]

OUTPUTS = {
    "ApiKeyCommand",
    "ApiKeySecretArn",
    "DashboardUrl",
    "EventBusName",
    "EventDeadLetterQueueUrl",
    "EventSourceMappingId",
    "LedgerTableName",
    "LogGroupName",
    "MessageDeadLetterQueueArn",
    "MessageDeadLetterQueueUrl",
    "MessageQueueArn",
    "MessageQueueUrl",
    "ProducerPolicyArn",
    "SendMessageFunctionArn",
    "SendMessageFunctionName",
    "Version",
}


def test_sections_stand_in_their_order(template: dict[str, Any]) -> None:
    """The sections are in the usual order of templates."""
    assert list(template) == SECTIONS


def test_resources_stand_in_the_order_in_which_a_message_meets_them(template: dict[str, Any]) -> None:
    """The order is: producer, rule, queue, function, apikey, ledger, dead letters, alarms, dashboard."""
    order = ["ProducerPolicy", "SendMessageRule", "MessageQueue", "SendMessageFunction", "ApiKeySecret", "LedgerTable"]
    order += ["MessageDeadLetterQueue", "SendingStoppedAlarm", "DeadLettersAlarm", "Dashboard"]
    assert [name for name in template["Resources"] if name in order] == order


def test_each_resource_says_what_it_is_for(template: dict[str, Any], template_text: str) -> None:
    """The first line below each logical ID is a comment."""
    lines = template_text.splitlines()
    for name in template["Resources"]:
        below = lines[lines.index(f"  {name}:") + 1]
        assert re.match(r"    # \S", below), f"{name} has no purpose line"


def test_each_output_is_described_and_has_the_name_that_others_rely_on(template: dict[str, Any]) -> None:
    """The command line, the sandbox and the pages use these names of outputs."""
    assert set(template["Outputs"]) == OUTPUTS
    assert all(output["Description"] for output in template["Outputs"].values())


def test_each_parameter_has_a_description_a_bound_and_a_constraint_description(template: dict[str, Any]) -> None:
    """The form of the console explains each parameter and each limit."""
    for name, parameter in template["Parameters"].items():
        assert len(parameter["Description"]) <= 4000, f"4000 characters are CloudFormation's limit: {name}"
        assert parameter["Description"].endswith("."), name
        assert parameter["ConstraintDescription"].startswith("must be "), name
        bounded = {"MinValue", "MaxValue"} <= set(parameter) or {"AllowedValues", "AllowedPattern"} & set(parameter)
        assert bounded, name


def test_each_parameter_is_in_one_group_and_has_a_label(template: dict[str, Any]) -> None:
    """The form of the console shows every parameter once, below a heading and with a label."""
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert grouped == sorted(grouped, key=list(template["Parameters"]).index), "groups follow the section's order"
    assert sorted(grouped) == sorted(template["Parameters"])
    assert set(interface["ParameterLabels"]) == set(template["Parameters"])


def test_each_number_has_its_unit_in_its_name(template: dict[str, Any]) -> None:
    """The name of each number ends with its unit, or with Size or Concurrency."""
    unit = re.compile(r"(Seconds|Hours|Days|Megabytes|PerSecond|Size|Concurrency)$")
    numbers = [name for name, parameter in template["Parameters"].items() if parameter["Type"] == "Number"]
    assert [name for name in numbers if not unit.search(name)] == []


def test_each_suppression_of_a_check_stands_beside_its_resource_with_a_reason(template: dict[str, Any]) -> None:
    """There are three suppressions of checkov, each with a reason, and none of cfn-lint."""
    skipped = {}
    for name, resource in template["Resources"].items():
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", []):
            assert skip["comment"].endswith("."), name
            skipped[skip["id"]] = name
    assert skipped == {
        "CKV_AWS_116": "SendMessageFunction",
        "CKV_AWS_117": "SendMessageFunction",
        "CKV_AWS_119": "LedgerTable",
    }
    assert not [name for name, resource in template["Resources"].items() if "cfn-lint" in resource.get("Metadata", {})]


def test_defaults_make_a_stack(resolve: Any) -> None:
    """The default of every parameter is within its bounds, so a deployment needs no parameters."""
    assert "SendMessageFunction" in resolve().resources


def test_each_condition_and_parameter_is_used(template: dict[str, Any], template_text: str) -> None:
    """The template uses each parameter and each condition."""
    for name in template["Parameters"]:
        assert re.search(rf"!Ref {name}\b|\$\{{{name}\}}", template_text), name
    for name in template["Conditions"]:
        assert len(re.findall(rf"\b{name}\b", template_text)) > 1, name


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("SociocsBaseUrl", ["https://api.sociocs.com", "http://127.0.0.1:8080"], ["http://api.sociocs.com", "x", ""]),
        (
            "ApiKeySecretArn",
            ["", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:sociocs/apikey-AbCdEf"],
            [
                "sociocs/apikey",
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:apikey",
                "e047nbp2UnWuHD9m:Xqc37DHP",
            ],
        ),
        ("EventBusName", ["default", "team/orders"], ["", "arn:aws:events:eu-west-1:123456789012:event-bus/orders"]),
        ("OutcomeEventBusName", ["", "default"], ["arn:aws:events:eu-west-1:123456789012:event-bus/orders"]),
        ("ProducerAccountIds", ["", "111122223333", "111122223333,444455556666"], ["1111", "*", "arn:aws:iam::1:root"]),
        ("EventSources", ["", "com.example.orders", "a,b"], ["com example"]),
        ("KmsKeyArn", ["", "arn:aws:kms:eu-west-1:123456789012:key/0a1b-2c3d"], ["alias/mine", "*"]),
        ("AlarmTopicArn", ["", "arn:aws:sns:eu-west-1:123456789012:on-call"], ["on-call", "*"]),
        ("ReadTimeoutSeconds", ["5", "60"], ["21", "0"]),
        ("MaximumConcurrency", ["2", "1000"], ["1", "1001"]),
        ("IdempotencyDays", ["19"], ["18"]),
    ],
)
def test_parameters_take_what_they_should_and_refuse_the_rest(
    resolve: Any, name: str, good: list[str], bad: list[str]
) -> None:
    """CloudFormation refuses a wrong value before it makes a resource."""
    for value in good:
        assert resolve(**{name: value}).parameters[name] == value
    for value in bad:
        with pytest.raises(ValueError, match=f"Parameter '{name}'"):
            resolve(**{name: value})
