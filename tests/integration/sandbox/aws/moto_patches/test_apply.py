"""moto as it is still has each gap that a patch closes. If a test fails, moto has closed the gap: remove the patch.

moto runs in this process without patches: they are applied only in the endpoint's own process.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.cloudformation.parsing import get_model_map
from moto.sqs.responses import SQSResponse

from sandbox.aws.moto_patches.apply import known_patches

_GAPS: dict[str, Callable[[], None]] = {}


def gap(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a function that fails once moto has closed the gap of a patch."""

    def register(check: Callable[[], None]) -> Callable[[], None]:
        _GAPS[name] = check
        return check

    return register


def client(service: Any) -> Any:
    """Return a client of the moto in this process."""
    return boto3.client(service, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


def queue(**attributes: str) -> str:
    """Make a queue."""
    name = "q.fifo" if "FifoQueue" in attributes else "q"
    return str(client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"])


def stack(resources: dict[str, Any], outputs: dict[str, Any] | None = None, **options: Any) -> None:
    """Make a stack."""
    body = json.dumps({"Resources": resources, "Outputs": outputs or {}})
    client("cloudformation").create_stack(StackName="s", TemplateBody=body, **options)


@pytest.fixture(autouse=True)
def unpatched() -> Iterator[None]:
    """Serve AWS with moto as it is."""
    with mock_aws():
        yield


@gap("moto.cloudformation.models.Stack")
def _skips_unknown_types() -> None:
    with pytest.warns(UserWarning, match="not supported"):
        stack({"A": {"Type": "AWS::No::Such"}})
    (found,) = client("cloudformation").describe_stacks(StackName="s")["Stacks"]
    assert found["StackStatus"] == "CREATE_COMPLETE"


def _change_set(kind: str = "CREATE", number: int = 1) -> str:
    body = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"U": {"Value": {"Ref": "Q"}}}}
    return str(
        client("cloudformation").create_change_set(
            StackName="s", ChangeSetName=f"c{number}", ChangeSetType=kind, TemplateBody=json.dumps(body)
        )["Id"]
    )


@gap("moto.cloudformation.models.ChangeSet")
def _change_sets_leave_no_outputs() -> None:
    client("cloudformation").execute_change_set(ChangeSetName=_change_set())
    (found,) = client("cloudformation").describe_stacks(StackName="s")["Stacks"]
    assert "Outputs" not in found


@gap("CloudFormationBackend.create_change_set")
def _makes_two_stacks_of_one_name() -> None:
    _change_set(number=1)
    _change_set(number=2)
    assert len(client("cloudformation").describe_stacks()["Stacks"]) == 2


@gap("CloudFormationBackend.execute_change_set")
def _does_not_record_a_failed_execution() -> None:
    identity = _change_set()
    queue()
    body = {"Resources": {"T": {"Type": "AWS::DynamoDB::Table"}}}
    client("cloudformation").delete_change_set(ChangeSetName=identity)
    identity = client("cloudformation").create_change_set(
        StackName="t", ChangeSetName="c", ChangeSetType="CREATE", TemplateBody=json.dumps(body)
    )["Id"]
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever moto's model raises comes through as it is
        client("cloudformation").execute_change_set(ChangeSetName=identity)
    (found,) = client("cloudformation").describe_stacks(StackName="t")["Stacks"]
    assert "ROLLBACK" not in found["StackStatus"]


@gap("CloudFormationResponse._get_stack_from_s3_url")
def _does_not_know_its_own_address() -> None:
    client("s3").create_bucket(Bucket="bucket")
    client("s3").put_object(Bucket="bucket", Key="t", Body=b'{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}')
    with pytest.raises(ClientError, match="NoSuchBucket"):
        client("cloudformation").create_stack(StackName="s", TemplateURL="http://127.0.0.1:5000/bucket/t")


@gap("CloudFormationResponse._get_param")
def _takes_a_template_of_any_size() -> None:
    stack({"Q": {"Type": "AWS::SQS::Queue", "Metadata": {"Padding": "x" * 60_000}}})


@gap("Rule.send_to_targets")
def _writes_an_event_without_its_account() -> None:
    url = queue()
    client("events").put_rule(Name="r", EventPattern='{"source": ["s"]}', State="DISABLED")
    client("events").put_targets(Rule="r", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}])
    client("events").put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}"}])
    (message,) = client("sqs").receive_message(QueueUrl=url)["Messages"]
    assert "account" not in json.loads(message["Body"])


@gap("SQSBackend.receive_message")
def _loses_a_groups_order() -> None:
    url = queue(FifoQueue="true", ContentBasedDeduplication="true")
    for body in "ab":
        client("sqs").send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g")
    received = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    assert [message["Body"] for message in received["Messages"]] == ["a", "b"]
    again = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    assert [message["Body"] for message in again["Messages"]] == ["b"]


@gap("Queue.add_message")
def _drops_a_dead_letter_as_a_duplicate() -> None:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    dead = client("sqs").create_queue(QueueName="dead.fifo", Attributes=attributes)["QueueUrl"]
    redrive = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead.fifo", "maxReceiveCount": 1}
    url = queue(**attributes, RedrivePolicy=json.dumps(redrive))
    for target in (dead, url):
        client("sqs").send_message(QueueUrl=target, MessageBody="same", MessageGroupId="g")
    client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=0)
    client("sqs").receive_message(QueueUrl=url)
    names = ["ApproximateNumberOfMessages"]
    assert client("sqs").get_queue_attributes(QueueUrl=dead, AttributeNames=names)["Attributes"] == {names[0]: "1"}


@gap("SQSBackend.send_message")
def _takes_an_eleventh_attribute_and_forgets_a_duplicate() -> None:
    attributes = {f"A{number}": {"DataType": "String", "StringValue": "x"} for number in range(11)}
    client("sqs").send_message(QueueUrl=queue(), MessageBody="x", MessageAttributes=attributes)


@gap("SQSBackend.send_message_batch")
def _measures_a_batch_in_characters() -> None:
    entries = [{"Id": str(number), "MessageBody": "é" * (1024 * 1024 // 8)} for number in range(5)]
    assert len(client("sqs").send_message_batch(QueueUrl=queue(), Entries=entries)["Successful"]) == 5


@gap("Queue._set_attributes")
def _takes_a_visibility_timeout_of_a_day() -> None:
    queue(VisibilityTimeout="86400")


@gap("Queue.attributes")
def _hides_the_redrive_allow_policy() -> None:
    url = queue(RedriveAllowPolicy='{"redrivePermission": "denyAll"}')
    attributes = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert "RedriveAllowPolicy" not in attributes


@gap("SQSResponse.receive_message")
def _hides_where_a_dead_letter_came_from() -> None:
    dead = client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    redrive = {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead", "maxReceiveCount": 1}
    url = queue(RedrivePolicy=json.dumps(redrive))
    client("sqs").send_message(QueueUrl=url, MessageBody="x")
    client("sqs").receive_message(QueueUrl=url, VisibilityTimeout=0)
    client("sqs").receive_message(QueueUrl=url)
    (letter,) = client("sqs").receive_message(QueueUrl=dead, AttributeNames=["All"])["Messages"]
    assert "DeadLetterQueueSourceArn" not in letter["Attributes"]


@gap("SQSResponse.start_message_move_task")
def _cannot_move_messages() -> None:
    assert not hasattr(SQSResponse, "start_message_move_task")


@gap("SQSResponse.list_message_move_tasks")
def _cannot_list_moves() -> None:
    assert not hasattr(SQSResponse, "list_message_move_tasks")


@gap("EventsBackend.put_events")
def _takes_an_event_of_an_aws_service() -> None:
    entry = {"Source": "aws.sqs", "DetailType": "d", "Detail": "{}"}
    assert client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


@gap("EventsBackend.put_rule")
def _takes_a_filter_that_it_does_not_know() -> None:
    client("events").put_rule(Name="r", EventPattern='{"source": [{"near": "s"}]}')


@gap("EventsBackend.put_targets")
def _takes_a_target_that_gets_nothing() -> None:
    client("events").put_rule(Name="r", EventPattern='{"source": ["s"]}')
    arn = "arn:aws:states:us-east-1:123456789012:stateMachine:m"
    client("events").put_targets(Rule="r", Targets=[{"Id": "m", "Arn": arn}])


@gap("SNSBackend.subscribe")
def _takes_a_subscriber_that_gets_nothing() -> None:
    topic = client("sns").create_topic(Name="t")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="a@example.com")


@gap("Subscription.publish")
def _fails_a_publication_for_one_queue() -> None:
    topic = client("sns").create_topic(Name="t")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:123456789012:none")
    with pytest.raises(ClientError):
        client("sns").publish(TopicArn=topic, Message="m")


def _function(**options: Any) -> str:
    trust = {"Version": "2012-10-17", "Statement": []}
    role = client("iam").create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    made = client("lambda").create_function(
        FunctionName="f", Runtime="python3.13", Role=role, Handler="a.b", Code={"ZipFile": b"x"}, **options
    )
    return str(made["FunctionArn"])


def _mapping(**options: Any) -> str:
    queue()
    made = client("lambda").create_event_source_mapping(
        FunctionName=_function(), EventSourceArn="arn:aws:sqs:us-east-1:123456789012:q", **options
    )
    return str(made["UUID"])


_FILTER: Any = {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}


@gap("LambdaBackend.list_event_source_mappings")
def _finds_a_mapping_only_by_the_name_it_was_given() -> None:
    _mapping()
    assert client("lambda").list_event_source_mappings(FunctionName="f")["EventSourceMappings"] == []


@gap("LambdaBackend.create_event_source_mapping")
def _takes_a_filter() -> None:
    _mapping(**_FILTER)


@gap("LambdaBackend.update_event_source_mapping")
def _takes_a_filter_later() -> None:
    client("lambda").update_event_source_mapping(UUID=_mapping(), **_FILTER)


@gap("LambdaBackend.create_function")
def _takes_a_dead_letter_queue() -> None:
    _function(DeadLetterConfig={"TargetArn": "arn:aws:sqs:us-east-1:123456789012:q"})


@gap("LambdaBackend.put_function_event_invoke_config")
def _takes_a_destination_of_successes() -> None:
    destination = {"OnSuccess": {"Destination": "arn:aws:sqs:us-east-1:123456789012:q"}}
    client("lambda").put_function_event_invoke_config(FunctionName=_function(), DestinationConfig=destination)


@pytest.mark.parametrize("name", sorted(patch.name for patch in known_patches()))
def test_moto_still_has_the_gap(name: str) -> None:
    """Moto does what the patch's docstring says, so the patch is needed."""
    assert name in _GAPS, f"write down what moto does without the patch of {name}"
    _GAPS[name]()


def test_every_gap_is_patched() -> None:
    """Each gap that is described here has a patch."""
    assert set(_GAPS) == {patch.name for patch in known_patches()}


@pytest.mark.parametrize(
    "resource_type",
    [
        "AWS::SecretsManager::Secret",
        "AWS::SecretsManager::ResourcePolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::CloudWatch::Alarm",
        "AWS::Lambda::EventInvokeConfig",
        "AWS::S3::BucketPolicy",
    ],
)
def test_moto_still_lacks_the_resource_type(resource_type: str) -> None:
    """Moto has no such type: sandbox/aws/cloudformation/resources.py adds it."""
    assert resource_type not in get_model_map()
