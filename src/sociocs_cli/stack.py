"""A deployed stack: its outputs, and clients for what they name."""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from message_sender.aws import NotFromAwsError
from sociocs_cli.errors import fail

if TYPE_CHECKING:
    from botocore.awsrequest import AWSResponse
    from botocore.model import OperationModel
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_sqs import SQSClient

_Client = TypeVar("_Client", bound=BaseClient)

DEFAULT_NAME = "sociocs-message-sender"
NAME_VARIABLE = "SOCIOCS_STACK"


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the command waits for AWS, in seconds."""

    long_poll: int = 1
    """A receive asks all of SQS's servers for so long, so that an empty answer means something."""
    between_looks: float = 0.5
    """Between two looks at the state of the mapping."""
    between_statuses: float = 10.0
    """Between two pages of `status --watch`."""
    mapping: float = 300.0
    """Until Lambda has changed the mapping. Its page says "within a few minutes"; mostly it is half a minute."""


@dataclass
class Stack:
    """One stack. Its description and its clients are made when they are first needed."""

    name: str = DEFAULT_NAME
    region: str | None = None
    profile: str | None = None
    endpoint_url: str | None = None
    """None: what AWS_ENDPOINT_URL or the profile says, otherwise AWS itself."""
    config: Config = field(
        default_factory=lambda: Config(
            connect_timeout=5,
            read_timeout=10,  # seconds; the longest answer is a long poll of one
            retries={"mode": "standard", "total_max_attempts": 3},
        )
    )
    """An endpoint that does not answer ends the command in half a minute. With botocore's defaults it takes five."""
    waits: Waits = Waits()
    monotonic: Callable[[], float] = time.monotonic
    """The clock of every wait."""
    wait: Callable[[float], object] = time.sleep
    """Waits for so many seconds."""

    @cached_property
    def session(self) -> boto3.Session:
        """The boto3 session. AWS_REGION counts, as it does in the AWS CLI and on Lambda."""
        region = self.region or os.environ.get("AWS_REGION")
        return boto3.Session(profile_name=self.profile, region_name=region)

    @cached_property
    def description(self) -> "StackTypeDef":
        """What CloudFormation says of the stack.

        Raises:
            click.ClickException: there is no such stack, or the endpoint is not AWS.
        """
        client = _checked(self.session.client("cloudformation", endpoint_url=self.endpoint_url, config=self.config))
        not_aws = f"what answers at {client.meta.endpoint_url} is not AWS: check --endpoint-url"
        try:
            return client.describe_stacks(StackName=self.name)["Stacks"][0]
        except (
            ResponseParserError,
            NotFromAwsError,
            LookupError,
        ):  # botocore takes any XML, and misses what it expects in it
            fail(not_aws)
        except ClientError as error:
            if "Error" not in error.response:  # as above
                fail(not_aws)
            if "does not exist" in error.response["Error"].get("Message", ""):
                fail(
                    f"there is no stack {self.name} in {client.meta.region_name}: give --stack or set {NAME_VARIABLE}, "
                    "and check --region and --profile"
                )
            raise

    @property
    def place(self) -> str:
        """The stack, its region and its account, for people who are about to change something."""
        # arn:aws:cloudformation:REGION:ACCOUNT:stack/NAME/ID
        parts = self.description.get("StackId", "").split(":")
        return f"{self.name} in {parts[3]}, account {parts[4]}" if len(parts) > 4 else self.name

    @property
    def outputs(self) -> dict[str, str]:
        """The stack's outputs."""
        return {output["OutputKey"]: output["OutputValue"] for output in self.description.get("Outputs", [])}

    def output(self, name: str) -> str:
        """Return one output.

        Raises:
            click.ClickException: the stack is not one of this project's, or is not ready.
        """
        if name not in self.outputs:
            fail(f"the stack {self.name} has no output {name}: is it a finished deployment of this project?")
        return self.outputs[name]

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS."""
        return _checked(self.session.client("sqs", endpoint_url=self.endpoint_url, config=self.config))

    @cached_property
    def cloudwatch(self) -> "CloudWatchClient":
        """CloudWatch."""
        return _checked(self.session.client("cloudwatch", endpoint_url=self.endpoint_url, config=self.config))

    @cached_property
    def functions(self) -> "LambdaClient":
        """Lambda."""
        return _checked(self.session.client("lambda", endpoint_url=self.endpoint_url, config=self.config))

    @property
    def mapping_state(self) -> str:
        """The state of the mapping from the queue to the function: Enabled, Disabled, or a change to either."""
        found = self.functions.get_event_source_mapping(UUID=self.output("EventSourceMappingId"))
        return found.get("State", "Unknown")

    @property
    def takes_direct_events(self) -> bool:
        """Whether events invoke the function directly, whatever the mapping's state."""
        parameters = {p["ParameterKey"]: p.get("ParameterValue") for p in self.description.get("Parameters", [])}
        return parameters.get("EventBridgeTarget") == "function" and parameters.get("Paused") != "true"

    @property
    def queue_url(self) -> str:
        """Where messages go."""
        return self.output("MessageQueueUrl")

    @property
    def dead_letter_queue_urls(self) -> list[str]:
        """Where dead letters are. With FIFO queues, those of EventBridge and Lambda are in a queue of their own."""
        events = self.outputs.get("EventDeadLetterQueueUrl")
        return [self.output("MessageDeadLetterQueueUrl"), *([events] if events else [])]


def _checked(client: _Client) -> _Client:
    """Let a client refuse what AWS did not answer."""
    client.meta.events.register("after-call", _must_be_of_aws)
    return client


def _must_be_of_aws(
    http_response: "AWSResponse", parsed: Mapping[str, Mapping[str, object]], model: "OperationModel", **_: object
) -> None:
    """Refuse an answer of success that AWS did not give. botocore calls this after each call."""
    if http_response.status_code < 300 and not parsed.get("ResponseMetadata", {}).get("RequestId"):
        raise NotFromAwsError(operation=model.name)
