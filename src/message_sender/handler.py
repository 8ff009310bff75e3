"""The function's entry point: wires everything once, and decides nothing."""

import functools
import os
import time
from typing import Any, Protocol

from aws_lambda_powertools.utilities.parameters import SecretsProvider

from message_sender.aws import AwsClients
from message_sender.batch import Batch, Routed
from message_sender.envelope import open_event
from message_sender.ledger import Ledger
from message_sender.observability import Metric, Observer
from message_sender.outcome import Accepted, Deferred, Route
from message_sender.routing import Router, response
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

    def __init__(self, settings: Settings) -> None:
        self._observer = Observer()
        aws = AwsClients(settings.send_concurrency)
        self._router = Router(
            aws.client("sqs"),
            aws.client("events") if settings.outcome_event_bus_name else None,
            settings,
            self._observer,
        )
        secrets = SecretsProvider(boto3_client=aws.client("secretsmanager"))
        client = SociocsClient(
            settings.message_url,
            ApiKeySource(settings.api_key_secret_arn, secrets, settings.api_key_max_age_seconds),
            open_session(settings.send_concurrency),
            connect_timeout=settings.connect_timeout_seconds,
            read_timeout=settings.read_timeout_seconds,
            on_call=lambda seconds: self._observer.time(Metric.API_LATENCY, seconds),
        )
        ledger = Ledger(
            aws.client("dynamodb"),
            settings.ledger_table_name,
            settings.idempotency_days,
            resend_unknown=settings.unknown_outcome == "retry",
        )
        sender = Sender(client, ledger, settings, self._observer)
        self._batch = Batch(sender.send, self._router.route, settings, self._observer)

    def handle(self, event: object, context: Context) -> dict[str, Any]:
        """Take one event from its envelope to the response."""
        self._observer.invocation(context.aws_request_id)
        try:
            results = self._batch.run(open_event(event), context.get_remaining_time_in_millis() / 1000)
            for result in results:
                self._record(result)
            self._router.publish(results, context.get_remaining_time_in_millis() / 1000)
            return response(results)
        finally:
            self._observer.flush()

    def _record(self, result: Routed) -> None:
        delivery, outcome, observer = result.delivery, result.outcome, self._observer
        if isinstance(outcome, Accepted):
            observer.count(Metric.DUPLICATES if outcome.duplicate else Metric.ACCEPTED)
            if delivery.record and not outcome.duplicate:
                observer.time(Metric.END_TO_END_LATENCY, time.time() - delivery.record.sent_at)
        elif result.route is not Route.STRANDED:
            metric = Metric.DEFERRED if isinstance(outcome, Deferred) else Metric.DEAD_LETTERED
            observer.count(metric, outcome.code)
            if isinstance(outcome, Deferred) and delivery.record:
                observer.time(Metric.RETRIED_AGE, time.time() - delivery.record.sent_at)
        observer.message(
            f"message {type(outcome).__name__.lower()}",
            needs_attention=not isinstance(outcome, Accepted | Deferred),
            message_id=delivery.id,
            correlation_id=delivery.reference or delivery.key[:256],
            envelope=delivery.envelope,
            provider=delivery.provider,
            reference=delivery.reference,
            idempotency_key=delivery.key[:256],
            attempts=delivery.receives,
            route=result.route,
            sociocs_message_id=getattr(outcome, "message_id", None),
            duplicate=getattr(outcome, "duplicate", None),
            code=getattr(outcome, "code", None),
            reason=getattr(outcome, "reason", None),
            last_code=getattr(outcome, "last_code", None),
        )


@functools.cache
def _application() -> Application:
    return Application(Settings.from_environment(os.environ))


def lambda_handler(event: object, context: Context) -> dict[str, Any]:
    """Handle an SQS batch, an EventBridge event or an array of them; returns the partial batch response."""
    return _application().handle(event, context)


# Lambda gives the init phase more CPU than a small function has later. Tests and tools wire what they need themselves.
if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    _application()
