"""The whole stand-in as one object: what AWS and Sociocs are to the function, on this machine.

    with Sandbox.start(SandboxOptions(parameters={"QueueType": "fifo"})) as sandbox:
        sandbox.client("sqs").send_message(QueueUrl=sandbox.outputs["MessageQueueUrl"], MessageBody=…)
        sandbox.wait_until_settled(timeout=30)
        sandbox.sociocs.accepted()

All servers listen on free ports of loopback, so any number of sandboxes can run side by side. Everything ends with
the block, or with this process when it is killed.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from sandbox.aws.access_log import Call
from sandbox.aws.callers import USER_ACCESS_KEY_ID, aws_environment, client
from sandbox.aws.deploy import deploy
from sandbox.aws.process import aws_endpoint
from sandbox.lambda_service.event_source_mapping import EventSourceMapping, Settings
from sandbox.lambda_service.function import Function
from sandbox.lambda_service.invoke_endpoint import InvokeEndpoint
from sandbox.lambda_service.runtime import Runtime
from sandbox.server_process import ROOT
from sandbox.sociocs.client import SociocsSimulator, simulator_process

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

STACK_NAME = "sociocs-message-sender"
TEMPLATE = ROOT / "template.yaml"
APIKEY = "sandboxSandbox01:sandboxSandboxSandboxSandbox0001"
# Lambda waits one minute and then two between the attempts at an asynchronous event.
_RETRY_WAITS_SECONDS = (0.2, 0.4)
_CHECK_SECONDS = 0.05
_DEPTHS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


@dataclass(frozen=True, kw_only=True)
class SandboxOptions:
    """How a sandbox differs from the template's defaults on AWS.

    parameters: the template's parameters; `SociocsBaseUrl` is the simulator's URL unless given
    functions: number of execution environments
    apikey: the value of the secret, which is also the simulator's only valid apikey; None leaves the secret empty
    channel_keys: the channel keys that the simulator knows; an empty sequence stands for all
    environment_overrides: environment variables of the function, over those that the template sets
    timeout_seconds: the function's timeout; None: the template's
    visibility_timeout_seconds: the queue's visibility timeout; None: the template's
    time_scale: divides the waits that the function asks SQS for, see `sandbox.aws.moto_patches.waits`
    log_directory: where the function's log is kept; None: in a temporary folder that ends with the sandbox
    aws_port, sociocs_port: ports of the AWS endpoint and of the simulator; 0 takes a free one
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    functions: int = 1
    apikey: str | None = APIKEY
    channel_keys: Sequence[str] = ()
    environment_overrides: Mapping[str, str] = field(default_factory=dict)
    timeout_seconds: float | None = None
    visibility_timeout_seconds: int | None = None
    time_scale: float = 1.0
    log_directory: Path | None = None
    aws_port: int = 0
    sociocs_port: int = 0


@dataclass
class Sandbox:
    """A running stand-in. `Sandbox.start` makes one.

    endpoint_url: the URL of the AWS endpoint
    outputs: the outputs of the deployed stack
    sociocs: the Sociocs simulator, see `SociocsSimulator`
    runtime: what runs the function
    mapping: what feeds the function from the queue
    """

    endpoint_url: str
    outputs: dict[str, str]
    sociocs: SociocsSimulator
    runtime: Runtime
    mapping: EventSourceMapping
    stack_name: str = STACK_NAME
    _clients: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    @contextmanager
    def start(options: SandboxOptions, on_progress: Callable[[str], None] = lambda _: None) -> Iterator[Sandbox]:
        """Start everything, in order; it runs while the block lasts.

        on_progress: is told each step before it begins
        Raises DeploymentFailed and FunctionInitError.
        """
        with ExitStack() as stack:
            on_progress("Starting the AWS endpoint and the Sociocs simulator")
            invoke_endpoint = InvokeEndpoint()
            stack.callback(invoke_endpoint.close)
            # Both are started before either is waited for. They are started in this thread, because a signal
            # interrupts this thread and no other.
            aws = stack.enter_context(
                aws_endpoint(invoke_endpoint.base_url, port=options.aws_port, time_scale=options.time_scale)
            )
            simulator = stack.enter_context(
                simulator_process(
                    apikey=options.apikey or APIKEY, channel_keys=options.channel_keys, port=options.sociocs_port
                )
            )
            sociocs = SociocsSimulator(simulator.url())
            endpoint_url = aws.url()

            on_progress(f"Deploying {TEMPLATE.name} with CloudFormation")
            parameters = {"SociocsBaseUrl": sociocs.base_url, **options.parameters}
            outputs = deploy(endpoint_url, TEMPLATE, STACK_NAME, parameters)
            _prepare(endpoint_url, outputs, options)

            on_progress("Starting the function")
            lambda_client = client("lambda", endpoint_url, USER_ACCESS_KEY_ID)
            function = Function.read(
                lambda_client,
                outputs["SendMessageFunctionName"],
                environment_overrides=options.environment_overrides,
                timeout_seconds=options.timeout_seconds,
            )
            runtime = Runtime(
                function,
                options.functions,
                log_directory=options.log_directory,
                retry_waits_seconds=_RETRY_WAITS_SECONDS,
            )
            stack.callback(runtime.stop)  # registered before the start, which a signal may interrupt
            runtime.start()
            invoke_endpoint.attach(runtime)
            mapping = EventSourceMapping(
                endpoint_url, lambda: Settings.read(lambda_client, function.name), runtime.invoke, options.functions
            )
            # These run in reverse: polling ends first, then what is under way fails at once instead of running on.
            stack.enter_context(mapping)
            stack.callback(runtime.stop)
            stack.callback(mapping.stop_polling)
            yield Sandbox(endpoint_url, outputs, sociocs, runtime, mapping)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables with which any AWS client (CLI, SDK) talks to the sandbox."""
        return aws_environment(self.endpoint_url, USER_ACCESS_KEY_ID)

    @property
    def function(self) -> Function:
        """The function as it was deployed, with the overrides."""
        return self.runtime.function

    def client(self, service: str) -> Any:
        """A boto3 client of a producer or operator (one for each service)."""
        if service not in self._clients:
            self._clients[service] = client(service, self.endpoint_url, USER_ACCESS_KEY_ID)
        return self._clients[service]

    def depth(self, output: str = "MessageQueueUrl") -> int:
        """Number of messages in a queue: visible, in flight and delayed. `output` names the output with its URL."""
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs[output], AttributeNames=list(_DEPTHS)
        )["Attributes"]
        return sum(int(attributes[name]) for name in _DEPTHS)

    @property
    def settled(self) -> bool:
        """Whether the queue is empty and no invocation runs or waits to run."""
        # The order matters: a direct event is on the queue before its invocation ends. The depth is read twice because
        # moto counts the visible messages first: a message whose wait ends between the two counts is in neither.
        return not self.runtime.busy and not self.mapping.busy and self.depth() == 0 and self.depth() == 0

    def wait_until_settled(self, timeout: float = 60.0) -> None:
        """Wait until nothing of what was sent so far is under way; TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self.settled:
            if time.monotonic() > deadline:
                state = f"{self.depth()} messages in the queue, simulator: {self.sociocs.counts()}"
                raise TimeoutError(f"not settled after {timeout} s: {state}")
            time.sleep(_CHECK_SECONDS)

    def dead_letters(self, output: str = "MessageDeadLetterQueueUrl") -> list[MessageTypeDef]:
        """The messages of the dead-letter queue, also those in flight. They are not received: none has a handle."""
        found: list[MessageTypeDef] = self._ask("messages", queue=self.outputs[output].split("/")[-1])["Messages"]
        for letter in found:
            for attribute in letter["MessageAttributes"].values():
                if "BinaryValue" in attribute:
                    attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
        return found

    def calls(self, access_key_id: str) -> list[Call]:
        """The AWS calls that one party has made so far, see `sandbox.aws.callers`."""
        calls = self._ask("calls", access_key_id=access_key_id)
        return [Call(**{**call, "resources": tuple(call["resources"])}) for call in calls]

    def pause(self, timeout: float = 10.0) -> None:
        """Disable the event source mapping and wait until nothing is under way from it."""
        self._set_enabled(timeout, enabled=False)
        if not self.mapping.wait_until_idle(timeout):
            raise TimeoutError(f"a batch is still under way after {timeout} s")

    def resume(self, timeout: float = 10.0) -> None:
        """Enable the event source mapping and wait until it polls again."""
        self._set_enabled(timeout, enabled=True)

    def _set_enabled(self, timeout: float, *, enabled: bool) -> None:
        self.client("lambda").update_event_source_mapping(UUID=self.outputs["EventSourceMappingId"], Enabled=enabled)
        deadline = time.monotonic() + timeout
        while self.mapping.enabled is not enabled:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the mapping's state is unchanged after {timeout} s")
            time.sleep(_CHECK_SECONDS)

    def _ask(self, route: str, **query: str) -> Any:
        """Ask one of the endpoint's own routes, see `sandbox.aws.server`."""
        connection = HTTPConnection(urlsplit(self.endpoint_url).netloc, timeout=30)  # it uses no proxy
        try:
            connection.request("GET", f"/_sandbox/{route}?{urlencode(query)}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


def _prepare(endpoint_url: str, outputs: Mapping[str, str], options: SandboxOptions) -> None:
    """Do what an operator does after a deployment, and what a test changes in the stack."""
    if options.apikey is not None:  # the command in the output ApiKeyCommand does the same
        secrets = client("secretsmanager", endpoint_url, USER_ACCESS_KEY_ID)
        secrets.put_secret_value(SecretId=outputs["ApiKeySecretArn"], SecretString=options.apikey)
    if options.visibility_timeout_seconds is not None:
        client("sqs", endpoint_url, USER_ACCESS_KEY_ID).set_queue_attributes(
            QueueUrl=outputs["MessageQueueUrl"],
            Attributes={"VisibilityTimeout": str(options.visibility_timeout_seconds)},
        )
