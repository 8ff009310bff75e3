"""Stand-ins for the surroundings of the function: Lambda's context, queues, a table, a secret and the API."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from message_sender.clock import Clock
from message_sender.handler import Application
from message_sender.ledger import Ledger
from message_sender.settings import Settings
from sandbox.sociocs.client import SociocsSimulator

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "127.0.0.1,localhost",
}


@dataclass
class FakeContext:
    """Lambda's context. The remaining time counts down in real time."""

    aws_request_id: str = "request-1"
    seconds: float = 60
    started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """Return the remaining milliseconds."""
        return int((self.seconds - (time.monotonic() - self.started)) * 1000)


@dataclass
class World:
    """Queues, a table and a secret with unique names on the local AWS endpoint, and the simulator."""

    endpoint_url: str
    name: str
    sociocs: SociocsSimulator
    fifo: bool = False
    apikey: str = "e047nbp2UnWuHD9m:test"
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        suffix = ".fifo" if self.fifo else ""
        attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"} if self.fifo else {}
        sqs = self.client("sqs")
        dead = sqs.create_queue(QueueName=f"{self.name}-dead{suffix}", Attributes=attributes)["QueueUrl"]
        dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 200})
        queue = sqs.create_queue(
            QueueName=f"{self.name}{suffix}",
            Attributes={**attributes, "RedrivePolicy": redrive, "VisibilityTimeout": "420"},
        )["QueueUrl"]
        self.client("dynamodb").create_table(
            TableName=self.name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.client("secretsmanager").create_secret(Name=self.name, SecretString=self.apikey)
        self.environment = {
            "SOCIOCS_BASE_URL": self.sociocs.base_url,
            "API_KEY_SECRET_ARN": self.name,
            "LEDGER_TABLE_NAME": self.name,
            "MESSAGE_QUEUE_URL": queue,
            "DEAD_LETTER_QUEUE_URL": dead,
            "CONNECT_TIMEOUT_SECONDS": "1",
            "READ_TIMEOUT_SECONDS": "5",
            **self.environment,
        }

    def client(self, service: str) -> Any:
        """Return a boto3 client of the endpoint."""
        return _client(self.endpoint_url, service)

    def application(
        self,
        *,
        clients: Callable[[str], Any] | None = None,
        ledger: Ledger | None = None,
        clock: Clock = time,
        **environment: str,
    ) -> Application:
        """The function, wired to this world as the template wires it to AWS; environment names in lower case."""
        changes = {name.upper(): value for name, value in environment.items()}
        settings = Settings.from_environment({**self.environment, **changes})
        return Application(settings, clients=clients, ledger=ledger, clock=clock)

    def send(self, body: Any, **options: Any) -> str:
        """Put a message on the queue, and return its id."""
        text = body if isinstance(body, str) else json.dumps(body)
        url = self.environment["MESSAGE_QUEUE_URL"]
        sent = self.client("sqs").send_message(QueueUrl=url, MessageBody=text, **options)
        return str(sent["MessageId"])

    def receive(self, *, dead: bool = False, visibility: int = 420) -> list[dict[str, Any]]:
        """Receive all visible messages of the queue or the dead-letter queue, in the shape of ReceiveMessage."""
        url = self.environment["DEAD_LETTER_QUEUE_URL" if dead else "MESSAGE_QUEUE_URL"]
        found: list[dict[str, Any]] = []
        while (
            batch := self.client("sqs")
            .receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
                VisibilityTimeout=visibility,
            )
            .get("Messages")
        ):
            found += batch
        return found

    def item(self, pk: str) -> dict[str, Any] | None:
        """Return one item of the ledger."""
        found: dict[str, Any] | None = (
            self.client("dynamodb").get_item(TableName=self.name, Key={"pk": {"S": pk}}).get("Item")
        )
        return found


@cache
def _client(endpoint_url: str, service: str) -> Any:
    # A new client reads botocore's data files for 0.1 s.
    config = Config(retries={"total_max_attempts": 1}, proxies={})
    return boto3.client(service, endpoint_url=endpoint_url, config=config)  # type: ignore[call-overload]
