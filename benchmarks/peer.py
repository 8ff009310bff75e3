"""The peer: a simple solution that a good team could write in an afternoon, with the libraries that AWS recommends.

Powertools' BatchProcessor calls a record handler. The handler posts with requests and reads the apikey with Powertools'
parameters. If there is a table, it uses Powertools' idempotency. The function keeps promises that the peer does not:

- If an attempt dies during the send, the peer sends the message again after the attempt's time. Its record does not say
  that the request may have been sent.
- The peer does not validate a message. A message with the misspelt field `shedule` is sent at once.
- The peer retries a message that cannot succeed (400) until the queue moves it, and the dead letter has no reason. It
  uses a refused apikey (401) until its cache expires. It has no Retry-After, backoff, expiry or limit of the rate.
- During an outage, the peer tries every message of a batch, one timeout after the other.
- One slow answer delays all later messages of the batch. A FIFO queue loses its order after a failure. Messages from
  EventBridge or SNS are not unwrapped. The producer does not learn the outcome of a message.

The peer does not use Powertools' Tracer, although such a team would, because it needs aws-xray-sdk, whose support ends.
This makes the peer faster.
"""

import os
from typing import Any

import requests
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.parameters import get_secret
from aws_lambda_powertools.utilities.typing import LambdaContext

URL = f"{os.environ['SOCIOCS_BASE_URL']}/message"
SECRET = os.environ["API_KEY_SECRET_ARN"]
TABLE = os.environ.get("IDEMPOTENCY_TABLE_NAME")

logger = Logger()
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.SQS)
config = IdempotencyConfig(event_key_jmespath="messageId", expires_after_seconds=15 * 86_400)


def send_message(record: dict[str, Any]) -> str:
    """Send one message. If it is not accepted, an exception is raised."""
    response = requests.post(
        URL,
        data=record["body"],
        headers={"apikey": get_secret(SECRET, max_age=300), "Content-Type": "application/json"},
        timeout=(3.05, 20),
    )
    response.raise_for_status()
    message_id: str = response.json()["data"]["message_id"]
    metrics.add_metric(name="MessagesAccepted", unit=MetricUnit.Count, value=1)
    logger.info("message accepted", message_id=record["messageId"], sociocs_message_id=message_id)
    return message_id


if TABLE:
    store = DynamoDBPersistenceLayer(table_name=TABLE, key_attr="pk", expiry_attr="expires")
    send_message = idempotent_function(
        data_keyword_argument="record", persistence_store=store, config=config, key_prefix="send"
    )(send_message)


def record_handler(record: SQSRecord) -> str:
    """Handle one record of a batch."""
    return send_message(record=record.raw_event)


@metrics.log_metrics
@logger.inject_lambda_context
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Handle a batch and return the partial batch response."""
    config.register_lambda_context(context)
    return dict(process_partial_response(event, record_handler, processor, context))
