"""The function's entry point: wires everything once, and decides nothing."""

import functools
import os
import time
from collections.abc import Callable
from typing import Any, Protocol

from aws_lambda_powertools.utilities.parameters import SecretsProvider

from message_sender.aws import AwsClients
from message_sender.batch import Batch
from message_sender.clock import Clock
from message_sender.connections import Limits
from message_sender.envelope import open_event
from message_sender.ledger import Ledger
from message_sender.observability import Metric, Observer
from message_sender.reporting import Reporter
from message_sender.routing import Routed, Router, response
from message_sender.sending import Sender
from message_sender.settings import Settings
from message_sender.sociocs.api_key import ApiKeySource
from message_sender.sociocs.client import SociocsClient
from message_sender.sociocs.transport import open_session


class Context(Protocol):
    """What the function uses of Lambda's context."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation."""


class Application:
    """All parts, wired; one for the life of an execution environment."""

    def __init__(
        self,
        settings: Settings,
        *,
        clients: Callable[[str], Any] | None = None,  # Any: boto3 makes a class for each service
        ledger: Ledger | None = None,
        observer: Observer | None = None,
        clock: Clock = time,
    ) -> None:
        """Wire the function; what a test or a benchmark gives takes the place of what is made here.

        Args:
            settings: what the template says.
            clients: makes the AWS client of a service.
            ledger: remembers what was sent.
            observer: writes log lines and metrics.
            clock: for everything but the sockets.
        """
        clients = clients or AwsClients(settings.send_concurrency).client
        self._clock, self._observer = clock, observer or Observer()
        events = clients("events") if settings.outcome_event_bus_name else None
        self._reporter = Reporter(self._observer, events, settings.outcome_event_bus_name, clock)
        ledger = ledger or Ledger(
            clients("dynamodb"),
            settings.ledger_table_name,
            settings.idempotency_days,
            resend_unknown=settings.unknown_outcome == "retry",
        )
        client = _sociocs_client(
            settings, SecretsProvider(boto3_client=clients("secretsmanager")), self._observer, clock
        )
        sender = Sender(client, ledger, settings, self._observer, clock)
        router = Router(clients("sqs"), settings, self._observer, clock)
        self._batch = Batch(sender, router, settings, self._observer, clock)

    def handle(self, event: object, context: Context) -> dict[str, list[dict[str, str]]]:
        """Take one event from its envelope to the response."""
        seconds_left = context.get_remaining_time_in_millis() / 1000
        ends = self._clock.monotonic() + seconds_left
        self._observer.invocation(context.aws_request_id)
        results: list[Routed] = []
        try:
            for routed in self._batch.run(open_event(event), seconds_left):
                results += routed
                for result in routed:
                    self._reporter.record(result)
                self._reporter.publish(routed, ends)
            return response(results)
        finally:
            self._observer.flush()


def _sociocs_client(settings: Settings, secrets: SecretsProvider, observer: Observer, clock: Clock) -> SociocsClient:
    limits = Limits(clock)
    api_key = ApiKeySource(
        settings.api_key_secret_arn,
        secrets,
        settings.api_key_max_age_seconds,
        on_stale=lambda: observer.count(Metric.STALE_API_KEY),
        clock=clock,
    )
    return SociocsClient(
        settings.message_url,
        api_key,
        open_session(settings.message_url, settings.send_concurrency, limits),
        limits,
        connect_timeout=settings.connect_timeout_seconds,
        read_timeout=settings.read_timeout_seconds,
        on_call=lambda seconds: observer.time(Metric.API_LATENCY, seconds),
        clock=clock,
    )


@functools.cache
def _application() -> Application:
    return Application(Settings.from_environment(os.environ))


def lambda_handler(event: object, context: Context) -> dict[str, list[dict[str, str]]]:
    """Handle an SQS batch, an EventBridge event or an array of them; returns the partial batch response."""
    return _application().handle(event, context)


# Lambda gives the init phase more CPU than a small function has later. Tests and tools wire what they need themselves.
if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _application()
