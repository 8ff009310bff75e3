"""The whole stand-in as one object: what AWS and Sociocs are to the function, on this machine.

    with Sandbox.start(parameters={"QueueType": "fifo"}) as sandbox:
        sandbox.client("sqs").send_message(QueueUrl=sandbox.outputs["MessageQueueUrl"], MessageBody=…)
        sandbox.wait_until_settled(timeout=30)
        sandbox.sociocs.accepted()

Everything listens on free ports of loopback, so that any number of sandboxes run side by side; and everything
ends with the block, or with this process when it is killed.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import boto3

from sandbox.aws.access_log import Call
from sandbox.aws.deploy import deploy
from sandbox.aws.process import aws_endpoint
from sandbox.lambda_service.event_source_mapping import EventSourceMapping, Settings
from sandbox.lambda_service.function import Function, aws_environment
from sandbox.lambda_service.invoke_endpoint import InvokeEndpoint
from sandbox.lambda_service.runtime import Runtime
from sandbox.server_process import ROOT
from sandbox.sociocs.client import SociocsSimulator, simulator_process

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import MessageTypeDef

REGION = "us-east-1"
STACK_NAME = "sociocs-message-sender"
TEMPLATE = ROOT / "template.yaml"
APIKEY = "sandboxSandbox01:sandboxSandboxSandboxSandbox0001"
# The people and programs that use the stack: producers, operators, tests.
USER_ACCESS_KEY_ID = "SANDBOXUSER"
# Instead of Lambda's one and two minutes.
RETRY_WAITS_SECONDS = (0.2, 0.4)
_CHECK_SECONDS = 0.05
_DEPTHS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


class Sandbox:
    """A running stand-in; `Sandbox.start` makes one.

    endpoint_url: the AWS endpoint
    outputs: of the deployed stack
    environment: variables that turn any AWS client (CLI, SDK) to the sandbox
    sociocs: the Sociocs simulator, see `SociocsSimulator`
    function, runtime, mapping: the function as deployed, what runs it, and what feeds it from the queue
    """

    def __init__(
        self,
        *,
        endpoint_url: str,
        stack_name: str,
        outputs: dict[str, str],
        sociocs: SociocsSimulator,
        runtime: Runtime,
        mapping: EventSourceMapping,
    ) -> None:
        self.endpoint_url = endpoint_url
        self.stack_name = stack_name
        self.outputs = outputs
        self.sociocs = sociocs
        self.runtime = runtime
        self.mapping = mapping
        self.environment = aws_environment(endpoint_url, USER_ACCESS_KEY_ID, REGION)
        self._clients: dict[str, Any] = {}

    @staticmethod
    @contextmanager
    def start(
        parameters: Mapping[str, str] | None = None,
        functions: int = 1,
        *,
        stack_name: str = STACK_NAME,
        template: Path = TEMPLATE,
        apikey: str | None = APIKEY,
        channel_keys: Sequence[str] = (),
        environment_overrides: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        visibility_timeout_seconds: int | None = None,
        time_scale: float = 1.0,
        retry_waits_seconds: Sequence[float] = RETRY_WAITS_SECONDS,
        log_directory: Path | None = None,
        ports: tuple[int, int] = (0, 0),
        on_progress: Callable[[str], None] = lambda _: None,
    ) -> Iterator[Sandbox]:
        """Start everything, in order; it runs while the block lasts.

        parameters: of the template; `SociocsBaseUrl` is the simulator's unless given
        functions: number of execution environments
        apikey: what the secret gets and the simulator takes as valid; None leaves the secret empty
        channel_keys: those that the simulator knows; none: it knows any
        environment_overrides, timeout_seconds: over what the template says of the function, for tests
        visibility_timeout_seconds: over what the template says of the queue, for tests
        time_scale: divides the waits that the function asks SQS for, see `sandbox.aws.moto_patches.waits`
        retry_waits_seconds: between the attempts at an asynchronous event
        ports: of the AWS endpoint and of the simulator; 0: a free one

        Raises DeploymentFailed and FunctionInitError.
        """
        with ExitStack() as stack:
            on_progress("Starting the AWS endpoint and the Sociocs simulator")
            invoke_endpoint = InvokeEndpoint()
            stack.callback(invoke_endpoint.close)
            # Both start before either is waited for, and here: a signal interrupts this thread, and no other.
            aws = stack.enter_context(aws_endpoint(invoke_endpoint.url, port=ports[0], time_scale=time_scale))
            simulator = stack.enter_context(
                simulator_process(apikey=apikey or APIKEY, channel_keys=channel_keys, port=ports[1])
            )
            sociocs = SociocsSimulator(simulator.url())
            endpoint_url = aws.url()

            on_progress(f"Deploying {template.name} with CloudFormation")
            outputs = deploy(
                endpoint_url,
                template,
                stack_name,
                {"SociocsBaseUrl": sociocs.base_url, **(parameters or {})},
                region=REGION,
            )
            user = _session(aws_environment(endpoint_url, USER_ACCESS_KEY_ID, REGION))
            if apikey is not None:  # what the command in the output ApiKeyCommand does
                secrets = user.client("secretsmanager", endpoint_url=endpoint_url)
                secrets.put_secret_value(SecretId=outputs["ApiKeySecretArn"], SecretString=apikey)
            if visibility_timeout_seconds is not None:
                user.client("sqs", endpoint_url=endpoint_url).set_queue_attributes(
                    QueueUrl=outputs["MessageQueueUrl"],
                    Attributes={"VisibilityTimeout": str(visibility_timeout_seconds)},
                )

            on_progress("Starting the function")
            client = user.client("lambda", endpoint_url=endpoint_url)
            function = Function.read(
                client,
                outputs["SendMessageFunctionName"],
                environment_overrides=environment_overrides,
                timeout_seconds=timeout_seconds,
            )
            runtime = Runtime(function, functions, log_directory=log_directory, retry_waits_seconds=retry_waits_seconds)
            stack.callback(runtime.stop)  # before it starts, which a signal may interrupt
            runtime.start()
            invoke_endpoint.attach(runtime)
            mapping = EventSourceMapping(
                endpoint_url, lambda: Settings.read(client, function.name), runtime.invoke, functions, REGION
            )
            # Last out: polling ends first, and what it has under way fails at once instead of running on.
            stack.enter_context(mapping)
            stack.callback(runtime.stop)
            stack.callback(mapping.stop_polling)
            yield Sandbox(
                endpoint_url=endpoint_url,
                stack_name=stack_name,
                outputs=outputs,
                sociocs=sociocs,
                runtime=runtime,
                mapping=mapping,
            )

    @property
    def function(self) -> Function:
        """The function as it was deployed, with the overrides."""
        return self.runtime.function

    def client(self, service: str) -> Any:
        """A boto3 client of a producer or operator (one for each service)."""
        if service not in self._clients:
            self._clients[service] = _session(self.environment).client(
                service,  # type: ignore[call-overload] # any service by name
                endpoint_url=self.endpoint_url,
            )
        return self._clients[service]

    def depth(self, output: str = "MessageQueueUrl") -> int:
        """Number of messages in a queue, visible, in flight and delayed; `output` names its URL."""
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self.outputs[output], AttributeNames=list(_DEPTHS)
        )["Attributes"]
        return sum(int(attributes[name]) for name in _DEPTHS)

    @property
    def settled(self) -> bool:
        """Whether the queue is empty and no invocation runs or waits to run."""
        # In this order: a direct event is on the queue before its invocation ends. The depth twice: moto counts the
        # visible before the invisible, and a message whose wait ends in between is in neither count.
        return not self.runtime.busy and not self.mapping.busy and self.depth() == 0 and self.depth() == 0

    def wait_until_settled(self, timeout: float = 60.0) -> None:
        """Wait until everything sent so far has become something; TimeoutError after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while not self.settled:
            if time.monotonic() > deadline:
                state = f"{self.depth()} messages in the queue, simulator: {self.sociocs.counts()}"
                raise TimeoutError(f"not settled after {timeout} s: {state}")
            time.sleep(_CHECK_SECONDS)

    def dead_letters(self, output: str = "MessageDeadLetterQueueUrl") -> list[MessageTypeDef]:
        """The messages of the dead-letter queue, those in flight too, untouched: none has a receipt handle."""
        found: list[MessageTypeDef] = self._ask("messages", queue=self.outputs[output].split("/")[-1])["Messages"]
        for letter in found:
            for attribute in letter["MessageAttributes"].values():
                if "BinaryValue" in attribute:
                    attribute["BinaryValue"] = base64.b64decode(attribute["BinaryValue"])
        return found

    def calls(self, access_key_id: str | None = None) -> list[Call]:
        """The AWS calls made so far, all or those of one party, see `FUNCTION_ACCESS_KEY_ID` and its like."""
        calls = self._ask("calls", **({"access_key_id": access_key_id} if access_key_id else {}))
        return [Call(**{**call, "resources": tuple(call["resources"])}) for call in calls]

    def _ask(self, route: str, **query: str) -> Any:
        """Ask one of the endpoint's own routes, see `sandbox.aws.server`."""
        connection = HTTPConnection(urlsplit(self.endpoint_url).netloc, timeout=30)  # knows nothing of proxies
        try:
            connection.request("GET", f"/_sandbox/{route}?{urlencode(query)}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

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
        while self.mapping.enabled != enabled:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the mapping's state is unchanged after {timeout} s")
            time.sleep(_CHECK_SECONDS)


def _session(environment: Mapping[str, str]) -> boto3.session.Session:
    key_id, key = environment["AWS_ACCESS_KEY_ID"], environment["AWS_SECRET_ACCESS_KEY"]
    return boto3.session.Session(key_id, key, region_name=environment["AWS_REGION"])
