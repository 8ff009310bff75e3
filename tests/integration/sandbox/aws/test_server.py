"""The endpoint's process: how it starts and ends, its access log, and the invocations it hands on."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.process import aws_endpoint
from tests.support import ROOT
from tests.support.aws_clients import Clients, wait_for


class Runner:
    """What runs functions in these tests: it records what it is asked, and answers as it is told."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"payload": {"done": True}, "function_error": None}
        runner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                runner.asked.append(content)
                asynchronous = content["invocation_type"] == "Event"
                body = b"" if asynchronous else json.dumps(runner.answer).encode()
                self.send_response(202 if asynchronous else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Print nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/invoke"


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    """What runs the functions of this module's endpoint."""
    made = Runner()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture(scope="module")
def aws(runner: Runner) -> Iterator[Clients]:
    """Clients of an endpoint that hands invocations to the runner."""
    with aws_endpoint(runner.url) as process:
        yield Clients(process.url())


@pytest.fixture
def function(aws: Clients, name: str) -> str:
    """Make a function and return its name."""
    aws("lambda").create_function(
        FunctionName=name, Runtime="python3.13", Role=_role(aws), Handler="a.b", Code={"ZipFile": _zip()}
    )
    return name


def _role(aws: Clients) -> str:
    try:
        return str(aws("iam").get_role(RoleName="any")["Role"]["Arn"])
    except ClientError:
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
        role = aws("iam").create_role(RoleName="any", AssumeRolePolicyDocument=json.dumps(trust))
        return str(role["Role"]["Arn"])


def _zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.py", "")
    return content.getvalue()


def own(url: str, route: str) -> Any:
    """Ask one of the sandbox's own routes."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"{url}/_sandbox/{route}", timeout=20) as response:
        return json.loads(response.read())


def test_ends_on_a_signal() -> None:
    """The endpoint prints its URL. It ends with 0 on SIGTERM, also while a long poll waits."""
    command = [sys.executable, "-m", "sandbox.aws.server"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        client = Clients(process.stdout.readline().strip())("sqs")
        queue = client.create_queue(QueueName="q")["QueueUrl"]

        def poll() -> None:
            with pytest.raises(Exception):  # noqa: B017, PT011 - the connection breaks, however
                client.receive_message(QueueUrl=queue, WaitTimeSeconds=20)

        waiting = threading.Thread(target=poll, daemon=True)
        waiting.start()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        waiting.join(10)


def test_logs_every_call(aws: Clients, name: str) -> None:
    """The access log has service, operation, resources, access key and status of each call, also of a failed call."""
    client = aws("sqs", name)
    url = client.create_queue(QueueName=name)["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="x")
    aws("events", name).put_events(
        Entries=[{"Source": "s", "DetailType": "d", "Detail": "{}", "EventBusName": "default"}]
    )
    with pytest.raises(ClientError):
        aws("secretsmanager", name).get_secret_value(SecretId=name)
    with pytest.raises(ClientError):
        aws("dynamodb", name).get_item(TableName=name, Key={"pk": {"S": "a"}})
    with pytest.raises(ClientError):
        aws("lambda", name).get_function(FunctionName=name)
    calls = [
        (call["service"], call["operation"], call["resources"], call["status"])
        for call in own(aws.url, f"calls?access_key_id={name}")
    ]
    assert calls == [
        ("sqs", "CreateQueue", [name], 200),
        ("sqs", "SendMessage", [url], 200),
        ("events", "PutEvents", ["default"], 200),
        ("secretsmanager", "GetSecretValue", [name], 404),
        ("dynamodb", "GetItem", [name], 400),
        ("lambda", f"GET /2015-03-31/functions/{name}", [], 404),
    ]


def test_shows_a_queues_messages_as_receiving_them_would(aws: Clients, name: str) -> None:
    """The route shows what ReceiveMessage shows, and does not count as a receive."""
    client = aws("sqs")
    url = client.create_queue(QueueName=name)["QueueUrl"]
    attributes = {"A": {"DataType": "String", "StringValue": "b"}, "B": {"DataType": "Number", "StringValue": "7"}}
    client.send_message(QueueUrl=url, MessageBody="x", MessageAttributes=attributes)
    (seen,) = own(aws.url, f"messages?queue={name}")["Messages"]
    (received,) = client.receive_message(
        QueueUrl=url, MessageSystemAttributeNames=["All"], MessageAttributeNames=["All"]
    )["Messages"]
    assert seen["Attributes"].pop("ApproximateReceiveCount") == "0"
    assert received["Attributes"].pop("ApproximateReceiveCount") == "1"
    del received["Attributes"]["ApproximateFirstReceiveTimestamp"]
    del received["ReceiptHandle"], received["MD5OfMessageAttributes"]
    assert seen == received
    assert len(own(aws.url, f"messages?queue={name}")["Messages"]) == 1, "in flight, and seen"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        own(aws.url, f"messages?queue={name}-none")


def test_invokes_through_the_registered_url(aws: Clients, runner: Runner, function: str) -> None:
    """Invoke hands the event to the URL and returns its payload."""
    answer = aws("lambda").invoke(FunctionName=function, Payload=b'{"a": 1}')
    assert json.loads(answer["Payload"].read()) == {"done": True}
    assert "FunctionError" not in answer
    assert runner.asked[-1] == {
        "function_name": function,
        "event": {"a": 1},
        "invocation_type": "RequestResponse",
    }


def test_invocation_by_arn_reports_a_function_error(
    aws: Clients, runner: Runner, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A function's own error comes back as Lambda reports it."""
    monkeypatch.setattr(runner, "answer", {"payload": {"errorType": "E"}, "function_error": "Unhandled"})
    arn = aws("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    answer = aws("lambda").invoke(FunctionName=arn)
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")


def test_invokes_asynchronously(aws: Clients, runner: Runner, function: str) -> None:
    """An asynchronous invocation is accepted with 202."""
    assert aws("lambda").invoke(FunctionName=function, InvocationType="Event")["StatusCode"] == 202
    assert runner.asked[-1]["invocation_type"] == "Event"


def test_unknown_function_is_not_invoked(aws: Clients, runner: Runner, name: str) -> None:
    """Invoking a function that does not exist is a ResourceNotFoundException."""
    with pytest.raises(aws("lambda").exceptions.ResourceNotFoundException):
        aws("lambda").invoke(FunctionName=name)


def test_settings_of_a_function_that_would_have_no_effect_are_refused(aws: Clients, function: str, name: str) -> None:
    """Messages and events would disappear by a filter, in a second mapping, or on the way to another destination."""
    sqs, functions = aws("sqs"), aws("lambda")
    arns = []
    for queue in (name, f"{name}-2"):
        sqs.create_queue(QueueName=queue)
        arns.append(f"arn:aws:sqs:us-east-1:123456789012:{queue}")
    topic = "arn:aws:sns:us-east-1:123456789012:t"
    filters: Any = {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}
    with pytest.raises(ClientError, match=r"does not keep these settings of a mapping.*FilterCriteria"):
        functions.create_event_source_mapping(FunctionName=function, EventSourceArn=arns[0], **filters)
    mapping = functions.create_event_source_mapping(FunctionName=function, EventSourceArn=arns[0], BatchSize=5)["UUID"]
    with pytest.raises(ClientError, match="this function has one"):
        functions.create_event_source_mapping(FunctionName=function, EventSourceArn=arns[1])
    with pytest.raises(ClientError, match="FilterCriteria"):
        functions.update_event_source_mapping(UUID=mapping, **filters)
    with pytest.raises(ClientError, match="polls SQS queues only"):
        functions.create_event_source_mapping(FunctionName=function, EventSourceArn=topic)
    for destinations in ({"OnSuccess": {"Destination": arns[0]}}, {"OnFailure": {"Destination": topic}}):
        with pytest.raises(ClientError, match="sends failed events to an SQS queue"):
            functions.put_function_event_invoke_config(FunctionName=function, DestinationConfig=destinations)
    with pytest.raises(ClientError, match="no DeadLetterConfig"):
        functions.create_function(
            FunctionName=f"{name}-2",
            Runtime="python3.13",
            Role=_role(aws),
            Handler="a.b",
            Code={"ZipFile": _zip()},
            DeadLetterConfig={"TargetArn": arns[0]},
        )


def test_a_rule_invokes_a_function(aws: Clients, runner: Runner, function: str, name: str) -> None:
    """An EventBridge rule whose target is a function invokes it asynchronously with the event."""
    arn = aws("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    aws("events").put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    aws("events").put_targets(Rule=name, Targets=[{"Id": "f", "Arn": arn}])
    aws("events").put_events(Entries=[{"Source": name, "DetailType": "Send Message", "Detail": '{"x": 1}'}])
    asked = wait_for(
        lambda: [asked for asked in runner.asked if asked["function_name"] == function], "the function is invoked"
    )
    assert asked[0]["invocation_type"] == "Event"
    assert asked[0]["event"]["detail"] == {"x": 1}
    aws("events").remove_targets(Rule=name, Ids=["f"])


def test_a_long_poll_lets_others_work(aws: Clients, name: str) -> None:
    """A message sent during a long poll ends it: the poll does not hold the lock while it waits."""
    client = aws("sqs")
    url = client.create_queue(QueueName=name)["QueueUrl"]
    received: list[Any] = []
    polling = threading.Thread(
        target=lambda: received.extend(client.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []))
    )
    polling.start()
    client.send_message(QueueUrl=url, MessageBody="x")
    polling.join(10)
    assert [message["Body"] for message in received] == ["x"]
