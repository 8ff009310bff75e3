"""A raw SAM template through CloudFormation's own API: created, changed, rolled back, deleted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.deploy import DeploymentFailed, deploy
from tests.support import ROOT
from tests.support.aws_clients import Clients

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Name: {Type: String}
  QueueType: {Type: String, Default: standard, AllowedValues: [standard, fifo]}
  BatchSize: {Type: Number, Default: 10, MinValue: 1, MaxValue: 100}
  Paused: {Type: String, Default: "false"}
  ReadTimeoutSeconds: {Type: String, Default: "20", AllowedValues: ["10", "20"]}
  Accounts: {Type: CommaDelimitedList, Default: "", AllowedPattern: '^$|^\\d{12}$'}
Mappings:
  Timing:
    "10": {Function: 40, Visibility: 300}
    "20": {Function: 60, Visibility: 420}
Rules:
  FifoNeedsSmallBatches:
    RuleCondition: !Equals [!Ref QueueType, fifo]
    Assertions:
      - Assert: !Contains [["1", "10"], !Ref BatchSize]
        AssertDescription: A FIFO queue allows batches of 1 or 10.
      - Assert: !Not [!And [!Equals [!Ref Paused, "true"], !Equals [!Ref BatchSize, "1"]]]
        AssertDescription: A paused FIFO queue needs batches of 10.
  AnyTime: {Assertions: [{Assert: !Or [!EachMemberIn [[a], [a, b]], !Equals [a, b]]}]}
Conditions:
  Fifo: !Equals [!Ref QueueType, fifo]
  Standard: !Not [!Condition Fifo]
  Active: !Equals [!Ref Paused, "false"]
Globals:
  Function: {Runtime: python3.13, Architectures: [arm64]}
Resources:
  DeadLetters:
    Type: AWS::SQS::Queue
    DeletionPolicy: RetainExceptOnCreate
    UpdateReplacePolicy: Retain
    Properties:
      FifoQueue: !If [Fifo, true, !Ref AWS::NoValue]
      SqsManagedSseEnabled: true
  DeadLettersPolicy:
    Type: AWS::SQS::QueuePolicy
    Properties:
      Queues: [!Ref DeadLetters]
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Deny, Principal: "*", Action: "sqs:*", Resource: !GetAtt DeadLetters.Arn,
             Condition: {Bool: {"aws:SecureTransport": "false"}}}
  Messages:
    Type: AWS::SQS::Queue
    Properties:
      FifoQueue: !If [Fifo, true, !Ref AWS::NoValue]
      ContentBasedDeduplication: !If [Fifo, true, !Ref AWS::NoValue]
      VisibilityTimeout: !FindInMap [Timing, !Ref ReadTimeoutSeconds, Visibility]
      RedrivePolicy: {deadLetterTargetArn: !GetAtt DeadLetters.Arn, maxReceiveCount: 2}
      RedriveAllowPolicy: {redrivePermission: denyAll}
      Tags: [{Key: a, Value: b}]
  Bus: {Type: "AWS::Events::EventBus", Properties: {Name: !Ref Name}}
  Rule:
    Type: AWS::Events::Rule
    Properties:
      EventBusName: !Ref Bus
      EventPattern: {detail-type: [Send Message]}
      Targets:
        - Id: queue
          Arn: !GetAtt Messages.Arn
          DeadLetterConfig: {Arn: !GetAtt DeadLetters.Arn}
          SqsParameters: !If [Fifo, {MessageGroupId: g}, !Ref AWS::NoValue]
  Ledger:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
      PointInTimeRecoverySpecification: {PointInTimeRecoveryEnabled: true}
      SSESpecification: {SSEEnabled: true}
  Secret: {Type: "AWS::SecretsManager::Secret", DeletionPolicy: Retain, Properties: {Description: empty}}
  Logs:
    Type: AWS::Logs::LogGroup
    Properties: {LogGroupName: !Sub "/aws/lambda/${AWS::StackName}", RetentionInDays: 30}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    Properties:
      Namespace: AWS/SQS
      MetricName: ApproximateNumberOfMessagesVisible
      Dimensions: [{Name: QueueName, Value: !GetAtt DeadLetters.QueueName}]
      Statistic: Maximum
      Period: 60
      EvaluationPeriods: 1
      Threshold: 0
      ComparisonOperator: GreaterThanThreshold
  Board:
    Type: AWS::CloudWatch::Dashboard
    Properties:
      DashboardBody: !Sub >-
        {"widgets": [{"type": "text", "properties": {"markdown": "${Messages.QueueName} ${!literal}"}}]}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Principal: {Service: lambda.amazonaws.com}, Action: sts:AssumeRole}]
      Policies:
        - PolicyName: own
          PolicyDocument:
            Version: "2012-10-17"
            Statement: [{Effect: Allow, Action: sqs:ReceiveMessage, Resource: !GetAtt Messages.Arn}]
  Producer:
    Type: AWS::IAM::ManagedPolicy
    Properties:
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Allow, Action: sqs:SendMessage, Resource: !GetAtt Messages.Arn}]
  Send:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: a.b
      Role: !GetAtt Role.Arn
      Timeout: !FindInMap [Timing, !Ref ReadTimeoutSeconds, Function]
      Environment: {Variables: {LEDGER: !Ref Ledger, BATCH: !Ref BatchSize}}
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        DestinationConfig: {OnFailure: {Type: SQS, Destination: !GetAtt DeadLetters.Arn}}
      Events:
        Mapping:
          Type: SQS
          Properties:
            Queue: !GetAtt Messages.Arn
            BatchSize: !Ref BatchSize
            Enabled: !If [Active, true, false]
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 10}
        Direct: {Type: EventBridgeRule, Properties: {Pattern: {source: [direct]}}}
  OnlyStandard: {Type: "AWS::SQS::Queue", Condition: Standard}
  AfterOnlyStandard: {Type: "AWS::SQS::Queue", DependsOn: OnlyStandard}
  AfterThat: {Type: "AWS::SQS::Queue", DependsOn: [Messages, AfterOnlyStandard]}
  AfterDeadLetters:
    Type: AWS::SQS::Queue
    Metadata: {CreatedAfter: !If [Standard, !Ref OnlyStandard, !Ref AWS::NoValue]}
Outputs:
  QueueUrl: {Value: !Ref Messages}
  DeadLettersUrl: {Value: !Ref DeadLetters}
  BusName: {Value: !Ref Bus}
  SecretArn: {Value: !Ref Secret}
  MappingId: {Value: !Ref SendMapping}
  FunctionName: {Value: !Ref Send}
  Table: {Value: !Ref Ledger}
  RoleName: {Value: !Ref Role}
  Board: {Value: !Ref Board}
  Only: {Condition: Standard, Value: !Ref OnlyStandard}
"""


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Write the template to a file."""
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    return path


def test_deploys_a_raw_sam_template(aws: Clients, template: Path, name: str) -> None:
    """Every resource of the template is there, with the properties that the project relies on."""
    outputs = deploy(aws.url, template, name, {"Name": name})
    queue = aws("sqs").get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["All"])["Attributes"]
    assert queue["VisibilityTimeout"] == "420"
    assert json.loads(queue["RedrivePolicy"])["maxReceiveCount"] == 2
    assert json.loads(queue["RedriveAllowPolicy"]) == {"redrivePermission": "denyAll"}
    dead = aws("sqs").get_queue_attributes(QueueUrl=outputs["DeadLettersUrl"], AttributeNames=["All"])["Attributes"]
    assert json.loads(dead["Policy"])["Statement"][0]["Resource"] == dead["QueueArn"]
    assert outputs["BusName"] == name
    lives = aws("dynamodb").describe_time_to_live(TableName=outputs["Table"])["TimeToLiveDescription"]
    assert lives == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    backups = aws("dynamodb").describe_continuous_backups(TableName=outputs["Table"])
    recovery = backups["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery["PointInTimeRecoveryStatus"] == "ENABLED"
    policy = aws("iam").get_role_policy(RoleName=outputs["RoleName"], PolicyName="own")["PolicyDocument"]
    assert policy["Statement"][0]["Action"] == "sqs:ReceiveMessage"
    function = aws("lambda").get_function_configuration(FunctionName=outputs["FunctionName"])
    assert (function["Timeout"], function["Architectures"]) == (60, ["arm64"])
    assert function["Environment"]["Variables"] == {"LEDGER": outputs["Table"], "BATCH": "10"}
    failure = aws("lambda").get_function_event_invoke_config(FunctionName=outputs["FunctionName"])
    assert failure["DestinationConfig"]["OnFailure"]["Destination"] == dead["QueueArn"]
    body = json.loads(aws("cloudwatch").get_dashboard(DashboardName=outputs["Board"])["DashboardBody"])
    queue_name = outputs["QueueUrl"].rpartition("/")[2]
    assert body["widgets"][0]["properties"]["markdown"] == queue_name + " ${literal}"
    resources = aws("cloudformation").describe_stack_resources(StackName=name)["StackResources"]
    assert {"Secret", "SendMapping", "OnlyStandard"} <= {r["LogicalResourceId"] for r in resources}


def test_an_empty_secret_has_no_value_until_one_is_put(aws: Clients, template: Path, name: str) -> None:
    """A secret without a value cannot be read, one is put, and an update of the stack keeps it."""
    outputs = deploy(aws.url, template, name, {"Name": name})
    secrets = aws("secretsmanager")
    with pytest.raises(secrets.exceptions.ResourceNotFoundException):
        secrets.get_secret_value(SecretId=outputs["SecretArn"])
    secrets.put_secret_value(SecretId=outputs["SecretArn"], SecretString="v")
    template.write_text(TEMPLATE.replace("Description: empty", "Description: filled"))
    deploy(aws.url, template, name, {"Name": name})
    assert secrets.get_secret_value(SecretId=outputs["SecretArn"])["SecretString"] == "v"


def test_a_mapping_is_recorded_and_consumes_nothing(aws: Clients, template: Path, name: str) -> None:
    """The mapping is found by function name, can be disabled and enabled, and a message stays on its queue."""
    outputs = deploy(aws.url, template, name, {"Name": name})
    functions = aws("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName=outputs["FunctionName"])["EventSourceMappings"]
    assert (mapping["UUID"], mapping["State"]) == (outputs["MappingId"], "Enabled")
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 10}
    aws("sqs").send_message(QueueUrl=outputs["QueueUrl"], MessageBody="x")
    found = aws("sqs").receive_message(QueueUrl=outputs["QueueUrl"], AttributeNames=["All"])["Messages"]
    assert [message["Attributes"]["ApproximateReceiveCount"] for message in found] == ["1"]
    for enabled, state in ((False, "Disabled"), (True, "Enabled")):
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
        assert functions.get_event_source_mapping(UUID=mapping["UUID"])["State"] == state


def test_fifo_and_paused_are_parameters(aws: Clients, template: Path, name: str) -> None:
    """Conditions decide on properties, resources and outputs."""
    outputs = deploy(aws.url, template, name, {"Name": name, "QueueType": "fifo", "Paused": "true"})
    assert outputs["QueueUrl"].endswith(".fifo")
    assert "Only" not in outputs
    assert aws("lambda").get_event_source_mapping(UUID=outputs["MappingId"])["State"] == "Disabled"
    aws("events").put_events(
        Entries=[{"Source": "s", "DetailType": "Send Message", "Detail": "{}", "EventBusName": name}]
    )
    assert "Messages" in aws("sqs").receive_message(QueueUrl=outputs["QueueUrl"])


def test_an_update_changes_in_place(aws: Clients, template: Path, name: str) -> None:
    """A parameter can change a resource through a mapping or a condition. The resource keeps its data."""
    before = deploy(aws.url, template, name, {"Name": name})
    aws("dynamodb").put_item(TableName=before["Table"], Item={"pk": {"S": "k"}})
    aws("sqs").send_message(QueueUrl=before["QueueUrl"], MessageBody="x")
    after = deploy(aws.url, template, name, {"Name": name, "ReadTimeoutSeconds": "10", "Paused": "true"})
    assert after == before
    attributes = aws("sqs").get_queue_attributes(QueueUrl=after["QueueUrl"], AttributeNames=["All"])["Attributes"]
    assert (attributes["VisibilityTimeout"], attributes["ApproximateNumberOfMessages"]) == ("300", "1")
    assert json.loads(attributes["RedrivePolicy"])["maxReceiveCount"] == 2
    assert aws("lambda").get_function_configuration(FunctionName=after["FunctionName"])["Timeout"] == 40
    assert aws("lambda").get_event_source_mapping(UUID=after["MappingId"])["State"] == "Disabled"
    assert "Item" in aws("dynamodb").get_item(TableName=after["Table"], Key={"pk": {"S": "k"}})
    assert deploy(aws.url, template, name, {"Name": name, "ReadTimeoutSeconds": "10", "Paused": "true"}) == after


def test_deleting_keeps_what_is_retained(aws: Clients, template: Path, name: str) -> None:
    """A deleted stack leaves the resources whose DeletionPolicy retains them, and nothing else."""
    outputs = deploy(aws.url, template, name, {"Name": name})
    aws("cloudformation").delete_stack(StackName=name)
    assert aws("sqs").get_queue_attributes(QueueUrl=outputs["DeadLettersUrl"], AttributeNames=["QueueArn"])
    assert aws("secretsmanager").describe_secret(SecretId=outputs["SecretArn"])
    with pytest.raises(aws("sqs").exceptions.QueueDoesNotExist):
        aws("sqs").get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["QueueArn"])
    with pytest.raises(ClientError):
        aws("dynamodb").describe_table(TableName=outputs["Table"])
    with pytest.raises(ClientError):
        aws("lambda").get_function(FunctionName=outputs["FunctionName"])
    deploy(aws.url, template, name, {"Name": name})


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (("Type: AWS::DynamoDB::Table", "Type: AWS::DynamoDB::Tables"), "Unrecognized resource types"),
        (("!Ref Ledger}", "!Ref Lodger}"), "Unresolved resource dependencies"),
        (("Handler: a.b", "Handlers: a.b"), "Handlers"),
        (("Parameters:", "Parameters: ["), "Template format error"),
        (("DependsOn: OnlyStandard", "DependsOn: NoSuch"), "Unresolved resource dependencies"),
        (("Value: !Ref Board}", "Value: !Base64 a}"), "does not know the function Fn::Base64"),
    ],
    ids=["type", "reference", "serverless", "yaml", "order", "function"],
)
def test_a_wrong_template_is_refused(
    aws: Clients, template: Path, name: str, edit: tuple[str, str], reason: str
) -> None:
    """A template that cannot be resolved is a ValidationError that says why, and leaves no stack."""
    template.write_text(TEMPLATE.replace(*edit, 1))
    with pytest.raises(DeploymentFailed, match=reason):
        deploy(aws.url, template, name, {"Name": name})
    with pytest.raises(ClientError, match="does not exist"):
        aws("cloudformation").describe_stacks(StackName=name)


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"QueueType": "other"}, "QueueType.*must be one of"),
        ({"BatchSize": "0"}, "BatchSize.*not less than 1"),
        ({"BatchSize": "101"}, "BatchSize.*not greater than 100"),
        ({"BatchSize": "x"}, "BatchSize.*must be a number"),
        ({"Accounts": "123456789012,12"}, "Accounts.*must match"),
        ({"Unknown": "x"}, "Unknown.*do not exist"),
        ({"QueueType": "fifo", "BatchSize": "20"}, "FifoNeedsSmallBatches: A FIFO queue allows"),
        ({"QueueType": "fifo", "BatchSize": "1", "Paused": "true"}, "FifoNeedsSmallBatches: A paused FIFO queue"),
    ],
    ids=["allowed values", "minimum", "maximum", "number", "list", "unknown", "rule", "second assertion"],
)
def test_a_wrong_parameter_is_refused(
    aws: Clients, template: Path, name: str, parameters: dict[str, str], reason: str
) -> None:
    """A parameter outside its bounds is refused before anything is made."""
    with pytest.raises(DeploymentFailed, match=reason):
        deploy(aws.url, template, name, {"Name": name, **parameters})


def test_what_depends_on_a_resource_that_is_not_created_is_not_created(aws: Clients, template: Path, name: str) -> None:
    """A false condition leaves out a resource and those that name it in DependsOn, but no reference in !If."""
    for parameters, expected in (
        ({}, {"OnlyStandard", "AfterOnlyStandard", "AfterThat", "AfterDeadLetters"}),
        ({"QueueType": "fifo"}, {"AfterDeadLetters"}),
    ):
        stack = f"{name}-{len(parameters)}"
        deploy(aws.url, template, stack, {"Name": stack, **parameters})
        resources = aws("cloudformation").describe_stack_resources(StackName=stack)["StackResources"]
        assert {r["LogicalResourceId"] for r in resources if re.match("After|Only", r["LogicalResourceId"])} == expected


def test_a_template_in_a_request_is_limited(aws: Clients, name: str) -> None:
    """A request takes 51,200 bytes of template, in every operation that takes one. S3 takes a larger template."""
    client = aws("cloudformation")
    small = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}})
    large = json.dumps({"Resources": {"Q": {"Type": "AWS::SQS::Queue", "Metadata": {"Padding": "é" * 26_000}}}})
    client.create_stack(StackName=name, TemplateBody=small.ljust(51_200))
    too_long = "at 'templateBody' failed to satisfy constraint: Member must have length less than or equal to 51200"
    more: dict[str, Any] = {"ChangeSetName": "c"}
    for operation, options, body in (
        (client.create_stack, {}, small.ljust(51_201)),
        (client.create_stack, {}, large.replace("\\u00e9", "é")),
        (client.update_stack, {}, small.ljust(51_201)),
        (client.create_change_set, more, small.ljust(51_201)),
    ):
        with pytest.raises(ClientError, match=f"1 validation error detected: Value .* {too_long}"):
            operation(StackName=name, TemplateBody=body, **options)
    aws("s3").create_bucket(Bucket=name)
    aws("s3").put_object(Bucket=name, Key="t.json", Body=large.encode())
    client.create_stack(StackName=f"{name}-2", TemplateURL=f"{aws.url}/{name}/t.json")
    with pytest.raises(ClientError, match=r"no object other\.json in the bucket"):
        client.create_stack(StackName=f"{name}-3", TemplateURL=f"{aws.url}/{name}/other.json")


def test_what_the_sandbox_does_not_do_is_refused(aws: Clients, name: str) -> None:
    """An output that is exported and a secret that is generated end in a rollback that names them."""
    client = aws("cloudformation")
    queue = {"Type": "AWS::SQS::Queue"}
    secret = {"Type": "AWS::SecretsManager::Secret", "Properties": {"GenerateSecretString": {}}}
    outputs = {"Url": {"Value": {"Ref": "Q"}, "Export": {"Name": "url"}}}
    for number, (template, reason) in enumerate(
        [
            ({"Resources": {"Q": queue}, "Outputs": outputs}, "the sandbox exports no outputs"),
            ({"Resources": {"S": secret}}, "the sandbox does not generate secret strings"),
        ]
    ):
        client.create_stack(StackName=f"{name}-{number}", TemplateBody=json.dumps(template))
        events = client.describe_stack_events(StackName=f"{name}-{number}")["StackEvents"]
        assert any(reason in event.get("ResourceStatusReason", "") for event in events)
        (stack,) = client.describe_stacks(StackName=f"{name}-{number}")["Stacks"]
        assert stack["StackStatus"] == "ROLLBACK_COMPLETE"


def test_a_failed_creation_is_rolled_back(aws: Clients, template: Path, name: str) -> None:
    """A resource that fails is named with its reason, and what was made is deleted: RetainExceptOnCreate says so."""
    aws("events").create_event_bus(Name=name)
    with pytest.raises(DeploymentFailed, match=r"Bus \(AWS::Events::EventBus\) CREATE_FAILED: .* already exists"):
        deploy(aws.url, template, name, {"Name": name})
    (stack,) = aws("cloudformation").describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "Outputs" not in stack
    urls = aws("sqs").list_queues(QueueNamePrefix=f"{name}-").get("QueueUrls", [])
    assert urls == []


def test_a_failed_update_is_rolled_back(aws: Clients, template: Path, name: str) -> None:
    """An update that fails leaves the stack as it was, with the reason, and nothing of what it made."""
    deploy(aws.url, template, name, {"Name": name})
    new = "  ANewQueue: {Type: AWS::SQS::Queue, DeletionPolicy: RetainExceptOnCreate}\n  Board:\n"
    template.write_text(TEMPLATE.replace('{"widgets"', "{widgets").replace("  Board:\n", new, 1))
    with pytest.raises(DeploymentFailed, match=r"Board .*UPDATE_FAILED"):
        deploy(aws.url, template, name, {"Name": name, "ReadTimeoutSeconds": "10"})
    (stack,) = aws("cloudformation").describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    assert "QueueUrls" not in aws("sqs").list_queues(QueueNamePrefix=f"{name}-ANewQueue")
    queue = aws("sqs").get_queue_attributes(QueueUrl=outputs["QueueUrl"], AttributeNames=["VisibilityTimeout"])
    assert queue["Attributes"]["VisibilityTimeout"] == "420"


def test_change_sets_create_and_update(aws: Clients, name: str) -> None:
    """A stack made by change sets, as `sam deploy` makes it, has resources and outputs."""
    client = aws("cloudformation")

    def change(number: int, kind: str, **parameters: str) -> Any:
        identity = client.create_change_set(
            StackName=name,
            ChangeSetName=f"c{number}",
            ChangeSetType=kind,
            TemplateBody=TEMPLATE,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        )["Id"]
        described = client.describe_change_set(ChangeSetName=identity)
        if described["Status"] != "FAILED":
            client.execute_change_set(ChangeSetName=identity)
        return described

    change(1, "CREATE", Name=name)
    (stack,) = client.describe_stacks(StackName=name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert {output["OutputKey"] for output in stack["Outputs"]} >= {"QueueUrl", "Only"}
    changes = change(2, "UPDATE", Name=name, Paused="true")["Changes"]
    assert [c["ResourceChange"]["LogicalResourceId"] for c in changes] == ["SendMapping"]
    assert "didn't contain changes" in change(3, "UPDATE", Name=name, Paused="true")["StatusReason"]
    with pytest.raises(ClientError, match="already exists"):
        change(4, "CREATE", Name=name)


VARIANTS: dict[str, dict[str, str]] = {
    "defaults": {},
    "fifo": {"QueueType": "fifo"},
    "function": {"EventBridgeTarget": "function"},
    "paused": {"Paused": "true"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_deploys_the_projects_own_template(aws: Clients, name: str, variant: str) -> None:
    """template.yaml as it is, with the parameters of each variant, deploys and can be deployed again."""
    path = ROOT / "template.yaml"
    outputs = deploy(aws.url, path, name, VARIANTS[variant])
    assert deploy(aws.url, path, name, VARIANTS[variant]) == outputs
    assert outputs["MessageQueueUrl"]
