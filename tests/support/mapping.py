"""A stand-in for Lambda's event source mapping. A test starts each turn and sees each visibility timeout."""

import contextlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from botocore.exceptions import ClientError

from message_sender.aws import AwsClients
from message_sender.handler import Application
from message_sender.ledger import Ledger
from message_sender.pace import LONGEST_OPEN_SECONDS
from sandbox.lambda_service.sqs_event import sqs_event
from tests.support.clock import AheadClock
from tests.support.world import FakeContext, World


@dataclass
class Mapping:
    """Passes messages of the world's queue to one application, which it makes. Environment names are in lower case."""

    world: World
    environment: dict[str, str] = field(default_factory=dict)
    clock: AheadClock = field(default_factory=AheadClock)
    ledger: Ledger | None = None
    stand_ins: dict[str, Any] = field(default_factory=dict)
    """Clients that take the place of AWS's, by service."""
    without_delays: bool = False
    """What the function puts on a queue is visible at once, whatever it asked for."""
    application: Application = field(init=False)
    delivered: dict[str, dict[str, Any]] = field(default_factory=dict)
    """For each message id, the message of the latest receive."""
    _asked: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        make = AwsClients(10).client
        self.application = self.world.application(
            clients=lambda service: self.stand_ins.get(service) or self._note_waits(make(service)),
            ledger=self.ledger,
            clock=self.clock,
            **self.environment,
        )

    def turn(self, context: FakeContext | None = None, *, system: dict[str, str] | None = None) -> list[str]:
        """Deliver all visible messages as one batch. Delete the finished ones, and return the ids of the others.

        `system` replaces system attributes of every record: `{"ApproximateReceiveCount": "200"}`.
        """
        messages = self.world.receive()
        for message in messages:
            message["Attributes"] |= system or {}
            self.delivered[message["MessageId"]] = message
        event = sqs_event(messages, self._queue_arn)  # type: ignore[arg-type]  # plain dicts
        response = self.application.handle(event, context or FakeContext())
        stay = [failure["itemIdentifier"] for failure in response["batchItemFailures"]]
        for message in messages:
            if message["MessageId"] not in stay:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return [message["MessageId"] for message in messages if message["MessageId"] in stay]

    def wait_of(self, message_id: str) -> int | None:
        """Return the visibility timeout that the function set at the latest delivery; None if it set none."""
        return self._asked.get(self.delivered[message_id]["ReceiptHandle"])

    def end_waits(self) -> None:
        """Make what is in flight visible, and the breaker ready for a try: the waits are over."""
        self.clock.seconds += LONGEST_OPEN_SECONDS
        for message in self.delivered.values():
            with contextlib.suppress(ClientError):  # deleted meanwhile
                self._sqs.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )

    def depth(self) -> int:
        """Return the number of messages on the queue: visible, in flight and delayed."""
        names = [f"ApproximateNumberOfMessages{kind}" for kind in ("", "NotVisible", "Delayed")]
        found = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def _note_waits(self, client: Any) -> Any:
        def note(params: dict[str, Any], **_: Any) -> None:
            self._asked.update({entry["ReceiptHandle"]: entry["VisibilityTimeout"] for entry in params["Entries"]})

        def hurry(params: dict[str, Any], **_: Any) -> None:
            for entry in params["Entries"]:
                entry.pop("DelaySeconds", None)

        client.meta.events.register("provide-client-params.sqs.ChangeMessageVisibilityBatch", note)
        if self.without_delays:
            client.meta.events.register("provide-client-params.sqs.SendMessageBatch", hurry)
        return client

    @cached_property
    def _sqs(self) -> Any:
        return self.world.client("sqs")

    @property
    def _url(self) -> str:
        return self.world.environment["MESSAGE_QUEUE_URL"]

    @property
    def _queue_arn(self) -> str:
        return f"arn:aws:sqs:us-east-1:123456789012:{self._url.rpartition('/')[2]}"


def letters(world: World) -> list[dict[str, str]]:
    """Return the attributes of each dead letter as text."""
    return [
        {name: value.get("StringValue", "") for name, value in letter.get("MessageAttributes", {}).items()}
        for letter in world.receive(dead=True)
    ]
