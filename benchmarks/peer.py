"""The peer: what a competent team would write in an afternoon, with the libraries that AWS recommends for it.

Powertools' BatchProcessor calls a record handler, which posts with requests and takes the apikey from Powertools'
parameters, under Powertools' idempotency when there is a table for it. It is a good afternoon's work. What it does not
promise, and ours does:

- A message whose attempt died in mid-send is sent again once the attempt's time is over: the record does not say that
  the request may have gone out.
- Nothing is judged before it is sent: a misspelt `shedule` sends at once.
- What cannot succeed (400) is tried until the queue gives up, and its dead letter has no reason. A refused apikey
  (401) stays in use until the cache forgets it; Retry-After, backoff, expiry and a limit on the pace do not exist.
- An outage burns every message of a batch against it, one timeout after the other.
- One slow answer holds up all messages behind it. In a FIFO queue nothing keeps order after a failure; messages from
  EventBridge or SNS are not unwrapped; nothing tells the producer what became of a message.

Powertools' Tracer, which such a team would have put on, is left out: it needs aws-xray-sdk, whose support ends. That
is in the peer's favour.
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
    """Send one message; raises when it was not accepted."""
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
    """Handle a batch; returns the partial batch response."""
    config.register_lambda_context(context)
    return dict(process_partial_response(event, record_handler, processor, context))
