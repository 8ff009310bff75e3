"""SNS: which subscriptions are refused, and where a message goes that a subscriber cannot get."""

from __future__ import annotations

import json
import logging
from typing import Any

from moto.core.exceptions import ServiceException
from moto.sns.exceptions import SNSInvalidParameter
from moto.sns.models import SNSBackend, Subscription
from moto.sqs.models import sqs_backends
from moto.utilities.arns import parse_arn

from sandbox.aws.moto_patches.registry import patch

logger = logging.getLogger("sandbox.topics")

_moto_subscribe = SNSBackend.subscribe
_moto_publish = Subscription.publish


@patch(SNSBackend, "subscribe")
def subscribe(self: SNSBackend, topic_arn: str, endpoint: str, protocol: str) -> Subscription:
    """Moto takes subscribers that it does not deliver to, such as e-mail addresses, or only with Docker."""
    if protocol != "sqs":
        raise SNSInvalidParameter(f"the sandbox delivers a topic's messages to SQS queues only, not by {protocol}")
    return _moto_subscribe(self, topic_arn, endpoint, protocol)


@patch(Subscription, "publish")
def publish(self: Subscription, message: str, message_id: str, **options: Any) -> None:
    """Moto fails the whole Publish when one queue cannot get the message. It reads the attribute "false" as true."""
    if str(self.attributes.get("RawMessageDelivery")).lower() == "false":
        del self.attributes["RawMessageDelivery"]
    try:
        _moto_publish(self, message, message_id, **options)
    except ServiceException as error:
        policy = json.loads(self.attributes.get("RedrivePolicy") or "{}")
        arn = policy.get("deadLetterTargetArn")
        backend = sqs_backends[self.account_id][parse_arn(self.endpoint).region]
        if arn is None or parse_arn(arn).resource_id not in backend.queues:
            reason = "%s could not get message %s of %s, which is lost, since there is no dead-letter queue: %s"
            logger.warning(reason, self.endpoint, message_id, self.topic.arn, error)
            return
        backend.send_message(parse_arn(arn).resource_id, json.dumps(self.get_post_data(message, message_id, None)))
