"""What the project relies on in EventBridge, asked of the endpoint with boto3."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.aws_clients import Clients


class Rule:
    """A rule for events of one source, with a queue as target."""

    def __init__(self, aws: Clients, name: str, **target: Any) -> None:
        self.aws, self.name = aws, name
        suffix = ".fifo" if "SqsParameters" in target else ""
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if suffix else {}
        self.queue = aws("sqs").create_queue(QueueName=name + suffix, Attributes=attributes)["QueueUrl"]
        self.dead = aws("sqs").create_queue(QueueName=f"{name}-dead")["QueueUrl"]
        pattern = json.dumps({"source": [name], "detail-type": ["Send Message"]})
        self.arn = aws("events").put_rule(Name=name, EventPattern=pattern)["RuleArn"]
        self.target = {
            "Id": "t",
            "Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}{suffix}",
            "DeadLetterConfig": {"Arn": f"arn:aws:sqs:us-east-1:123456789012:{name}-dead"},
            **target,
        }
        aws("events").put_targets(Rule=name, Targets=[self.target])

    def put(self, **event: Any) -> None:
        """Put an event of the rule's source."""
        entry = {"Source": self.name, "DetailType": "Send Message", "Detail": json.dumps({"to": "x"}), **event}
        assert self.aws("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    def received(self, queue: str | None = None) -> list[Any]:
        """Receive what the queue, or another one, got."""
        found: list[Any] = (
            self.aws("sqs")
            .receive_message(
                QueueUrl=queue or self.queue,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            .get("Messages", [])
        )
        return found

    def body(self) -> Any:
        """Return the one body that the queue got."""
        (message,) = self.received()
        return json.loads(message["Body"])


def test_a_queue_gets_the_event_as_aws_writes_it(aws: Clients, name: str) -> None:
    """The body is the whole event, with account and a time in ISO 8601."""
    rule = Rule(aws, name)
    rule.put(Time=datetime(2026, 11, 23, 10, 0, tzinfo=UTC), Resources=["arn:aws:s3:::b"])
    event = rule.body()
    assert len(event.pop("id")) == 36
    assert event == {
        "version": "0",
        "detail-type": "Send Message",
        "source": name,
        "account": "123456789012",
        "time": "2026-11-23T10:00:00Z",
        "region": "us-east-1",
        "resources": ["arn:aws:s3:::b"],
        "detail": {"to": "x"},
    }


@pytest.mark.parametrize("detail", ['"quoted \\" text"', "ümlaut < > & \\n", "1.0", "<source> <detail>"])
def test_a_queue_gets_any_text_unchanged(aws: Clients, name: str, detail: str) -> None:
    """Text in an event that looks like part of a template or of JSON is not touched."""
    rule = Rule(aws, name)
    rule.put(Detail=json.dumps({"text": detail}))
    assert rule.body()["detail"] == {"text": detail}


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ({"InputPath": "$.detail"}, {"to": "x"}),
        ({"Input": '{"constant": 1}'}, {"constant": 1}),
        (
            {"InputTransformer": {"InputPathsMap": {"to": "$.detail.to"}, "InputTemplate": '{"who": "<to>"}'}},
            {"who": "x"},
        ),
    ],
    ids=["path", "constant", "transformer"],
)
def test_a_target_chooses_its_input(aws: Clients, name: str, target: Any, expected: Any) -> None:
    """InputPath, Input and InputTransformer decide what the queue gets."""
    rule = Rule(aws, name, **target)
    rule.put()
    assert rule.body() == expected


def test_a_disabled_rule_does_nothing(aws: Clients, name: str) -> None:
    """A disabled rule sends nothing, and sends again once it is enabled."""
    rule = Rule(aws, name)
    aws("events").disable_rule(Name=name)
    rule.put()
    assert rule.received() == []
    aws("events").enable_rule(Name=name)
    rule.put()
    assert len(rule.received()) == 1


def test_an_entry_that_eventbridge_refuses(aws: Clients, name: str) -> None:
    """The other entries are delivered, and the results are in the order of the entries."""
    rule = Rule(aws, name)
    entry = {"Source": name, "DetailType": "Send Message", "Detail": "{}"}
    answer = aws("events").put_events(
        Entries=[{**entry, "Source": "aws.sqs"}, entry, {**entry, "Detail": "[1]"}, {**entry, "Detail": "{"}, entry]
    )
    assert answer["FailedEntryCount"] == 3
    assert [result.get("ErrorCode") for result in answer["Entries"]] == [
        "NotAuthorizedForSourceException",
        None,
        "MalformedDetail",
        "MalformedDetail",
        None,
    ]
    assert len(rule.received()) == 2


def test_what_does_not_match_is_not_sent(aws: Clients, name: str) -> None:
    """An event with another detail-type does not reach the queue."""
    rule = Rule(aws, name)
    rule.put(DetailType="Other")
    assert rule.received() == []


def test_a_fifo_target_gets_its_group(aws: Clients, name: str) -> None:
    """SqsParameters.MessageGroupId becomes the message's group."""
    rule = Rule(aws, name, SqsParameters={"MessageGroupId": "g"})
    rule.put()
    assert [message["Attributes"]["MessageGroupId"] for message in rule.received()] == ["g"]


def test_what_cannot_be_delivered_is_dead_lettered(aws: Clients, name: str) -> None:
    """An event for a queue that is gone goes to the target's dead-letter queue with its reason."""
    rule = Rule(aws, name)
    aws("sqs").delete_queue(QueueUrl=rule.queue)
    rule.put()
    (letter,) = rule.received(rule.dead)
    assert json.loads(letter["Body"])["detail"] == {"to": "x"}
    assert {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()} == {
        "RULE_ARN": rule.arn,
        "TARGET_ARN": rule.target["Arn"],
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": "The specified queue does not exist.",
        "RETRY_ATTEMPTS": "0",
    }


def test_a_transformer_makes_a_message(aws: Clients, name: str) -> None:
    """The input that EventBridge's page gives as its example: a placeholder of a text without quotes."""
    template = '{"provider":"twlo","channel_key":"ck","to":<to>,"text":"Order <id> is paid"}'
    paths = {"to": "$.detail.to", "id": "$.detail.id"}
    rule = Rule(aws, name, InputTransformer={"InputPathsMap": paths, "InputTemplate": template})
    rule.put(Detail=json.dumps({"to": "+16175551212", "id": 1001}))
    expected = {"provider": "twlo", "channel_key": "ck", "to": "+16175551212", "text": "Order 1001 is paid"}
    assert rule.body() == expected


def test_what_a_transformer_cannot_make_is_dead_lettered(aws: Clients, name: str) -> None:
    """A quote in a value inside of a string makes no JSON: the whole event is in the dead-letter queue."""
    rule = Rule(aws, name, InputTransformer={"InputPathsMap": {"who": "$.detail.who"}, "InputTemplate": '"Hi <who>"'})
    rule.put(Detail=json.dumps({"who": 'Ann "A" Lee'}))
    assert rule.received() == []
    (letter,) = rule.received(rule.dead)
    assert json.loads(letter["Body"])["detail"] == {"who": 'Ann "A" Lee'}
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "INVALID_JSON"


@pytest.mark.parametrize("raw", ["true", "false", None])
def test_a_topic_passes_events_on(aws: Clients, name: str, raw: str | None) -> None:
    """A rule's topic publishes the event to its queues, as a notification unless the delivery is raw."""
    topic = aws("sns").create_topic(Name=name)["TopicArn"]
    rule = Rule(aws, name, Arn=topic)
    attributes = {"RawMessageDelivery": raw} if raw else {}
    endpoint = f"arn:aws:sqs:us-east-1:123456789012:{name}"
    aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint, Attributes=attributes)
    rule.put()
    body = rule.body()
    if raw != "true":
        assert (body["Type"], body["TopicArn"]) == ("Notification", topic)
        body = json.loads(body["Message"])
    assert body["detail"] == {"to": "x"}


def test_what_a_topics_queue_cannot_get_is_dead_lettered(aws: Clients, name: str) -> None:
    """A subscriber that is gone does not stop the others, and its dead-letter queue gets the message."""
    topic = aws("sns").create_topic(Name=name)["TopicArn"]
    rule = Rule(aws, name, Arn=topic)
    policy = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:us-east-1:123456789012:{name}-dead"})
    for queue, attributes in ((f"{name}-gone", {"RedrivePolicy": policy}), (name, {})):
        endpoint = f"arn:aws:sqs:us-east-1:123456789012:{queue}"
        aws("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint, Attributes=attributes)
    rule.put()
    assert json.loads(rule.body()["Message"])["detail"] == {"to": "x"}
    (letter,) = rule.received(rule.dead)
    assert json.loads(json.loads(letter["Body"])["Message"])["detail"] == {"to": "x"}


def test_a_topic_that_is_gone_is_no_resource(aws: Clients, name: str) -> None:
    """The event goes to the target's dead-letter queue."""
    rule = Rule(aws, name, Arn=f"arn:aws:sns:us-east-1:123456789012:{name}-none")
    rule.put()
    (letter,) = rule.received(rule.dead)
    assert letter["MessageAttributes"]["ERROR_CODE"]["StringValue"] == "NO_RESOURCE"


def test_an_event_that_is_lost_is_reported(aws: Clients, name: str, wait_for_line: Callable[[str], None]) -> None:
    """Without a dead-letter queue EventBridge drops the event; here the endpoint prints which, and why."""
    rule = Rule(aws, name)
    del rule.target["DeadLetterConfig"]
    aws("events").put_targets(Rule=name, Targets=[rule.target])
    aws("sqs").delete_queue(QueueUrl=rule.queue)
    rule.put()
    wait_for_line(f"is lost: {rule.target['Arn']} could not get it (NO_RESOURCE: ")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ({"Arn": "arn:aws:logs:us-east-1:123456789012:log-group:g"}, "delivers to SQS queues, Lambda functions"),
        ({"Arn": "arn:aws:events:us-east-1:123456789012:event-bus/other"}, "delivers to SQS queues, Lambda functions"),
        ({"Arn": "arn:aws:sns:us-east-1:123456789012:t.fifo"}, "delivers to SQS queues, Lambda functions"),
        ({"HttpParameters": {"HeaderParameters": {"a": "b"}}}, "does not know .*HttpParameters"),
        ({"InputTransformer": {"InputTemplate": '"<to>"'}}, "invalid placeholder to"),
    ],
)
def test_a_target_that_would_get_nothing_is_refused(aws: Clients, name: str, target: Any, reason: str) -> None:
    """The refusal comes when the target is made, by the API and by CloudFormation."""
    rule = Rule(aws, name)
    made = {**rule.target, **target}
    with pytest.raises(ClientError, match=reason):
        aws("events").put_targets(Rule=name, Targets=[made])
    properties = {"EventPattern": {"source": ["s"]}, "Targets": [made]}
    template = json.dumps({"Resources": {"R": {"Type": "AWS::Events::Rule", "Properties": properties}}})
    aws("cloudformation").create_stack(StackName=name, TemplateBody=template)
    events = aws("cloudformation").describe_stack_events(StackName=name)["StackEvents"]
    assert any(re.search(reason, event.get("ResourceStatusReason", "")) for event in events)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"ScheduleExpression": "rate(1 minute)"}, "runs no schedules"),
        ({"EventPattern": '{"detail": {"a": [{"begins-with": "x"}]}}'}, "does not know the filters.*begins-with"),
        ({"EventPattern": '{"$or": [{"source": ["a"]}, {"detail": {"a": [{"near": 1}]}}]}'}, "near"),
    ],
)
def test_a_rule_that_would_never_be_evaluated_is_refused(
    aws: Clients, name: str, rule: dict[str, str], reason: str
) -> None:
    """A schedule or an unknown filter is refused, and no rule is left."""
    with pytest.raises(ClientError, match=reason):
        aws("events").put_rule(Name=name, **rule)
    assert aws("events").list_rules(NamePrefix=name)["Rules"] == []


def test_the_filters_of_eventbridge_are_taken(aws: Clients, name: str) -> None:
    """Filters that moto evaluates are taken, also in a branch of $or."""
    pattern = {"$or": [{"source": [{"prefix": "a"}]}, {"detail": {"n": [{"numeric": [">", 1]}, {"exists": False}]}}]}
    assert aws("events").put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]


def test_another_bus_has_its_own_rules(aws: Clients, name: str) -> None:
    """A rule on the default bus does not see another bus's events."""
    rule = Rule(aws, name)
    aws("events").create_event_bus(Name=name)
    rule.put(EventBusName=name)
    assert rule.received() == []
