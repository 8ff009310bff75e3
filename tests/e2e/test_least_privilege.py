"""The role's policy compared with the calls: each granted action is used, and each used action is granted."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.aws.access_log import Call
from sandbox.aws.callers import FUNCTION_ACCESS_KEY_ID, MAPPING_ACCESS_KEY_ID
from sandbox.sandbox import Sandbox, SandboxOptions

pytestmark = pytest.mark.timeout(180)

Grant = tuple[str, str]
"""An action and the name of what it is allowed on: ("sqs:SendMessage", "dead-letters")."""

PLATFORM = {"logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments"}
"""Actions that Lambda itself performs with the function's role: it writes log lines and traces."""

OBSERVED_ONLY_ON_AWS = {"sqs:GetQueueAttributes"}
"""Actions that only Lambda's own poller performs in the same way."""

NAME_IN_POLICIES = {
    "SendMessageBatch": "SendMessage",
    "DeleteMessageBatch": "DeleteMessage",
    "ChangeMessageVisibilityBatch": "ChangeMessageVisibility",
}
"""Operations whose permission is that of another ("Actions, resources, and condition keys for Amazon SQS")."""


def _last(name: str) -> str:
    """Return the name at the end of an ARN or a URL."""
    return name.replace("/", ":").split(":")[-1]


def _granted(sandbox: Sandbox) -> set[Grant]:
    """Read the role as it was deployed."""
    iam = sandbox.client("iam")
    (role,) = [role["RoleName"] for role in iam.list_roles()["Roles"] if "SendMessageFunctionRole" in role["RoleName"]]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    grants: set[Grant] = set()
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        document = json.loads(document) if isinstance(document, str) else document
        for statement in document["Statement"]:
            actions, resources = _listed(statement["Action"]), _listed(statement["Resource"])
            grants |= {(action, _last(resource)) for action in actions for resource in resources}
    return grants


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _used(calls: list[Call]) -> Iterator[Grant]:
    for call in calls:
        operation = NAME_IN_POLICIES.get(call.operation, call.operation)
        for resource in call.resources:
            yield f"{call.service}:{operation}", _last(resource)


def _message(text: str, **metadata: str) -> str:
    message = {"provider": "twlo", "channel_key": "channel", "to": "+16175551212", "text": text}
    return json.dumps(message | ({"metadata": metadata} if metadata else {}))


def _drive(sandbox: Sandbox) -> None:
    """Send messages that reach every outcome of the function."""
    sandbox.sociocs.rule(text_contains="later", nth=(1, 2), status=503)
    sandbox.sociocs.rule(text_contains="refused", status=400)
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    bodies = [
        _message("accepted", idempotency_key="one"),
        _message("later"),
        _message("refused"),
        _message("expired", idempotency_key="two", expires_at=past),
        "not a message",
    ]
    for body in bodies:
        sandbox.client("sqs").send_message(QueueUrl=sandbox.outputs["MessageQueueUrl"], MessageBody=body)
    entry = {"Source": "test", "DetailType": "Send Message", "Detail": _message("later, directly")}
    entry["EventBusName"] = sandbox.outputs["EventBusName"]
    sandbox.client("events").put_events(Entries=[entry])
    sandbox.wait_until_settled(90)


@pytest.mark.parametrize("target", ["queue", "function"])
def test_the_role_allows_what_is_done_and_nothing_else(target: str) -> None:
    """Every call of the function and of its mapping is granted on that resource, and every grant is used."""
    options = SandboxOptions(parameters={"EventBridgeTarget": target, "OutcomeEventBusName": "default"}, time_scale=30)
    with Sandbox.start(options) as sandbox:
        _drive(sandbox)
        granted = _granted(sandbox)
        used = set(_used(sandbox.calls(FUNCTION_ACCESS_KEY_ID)))
        used |= {grant for grant in _used(sandbox.calls(MAPPING_ACCESS_KEY_ID)) if grant[0].startswith("sqs:")}

    assert used - granted == set(), "used and not granted"
    unused = {grant for grant in granted - used if grant[0] not in PLATFORM | OBSERVED_ONLY_ON_AWS}
    assert unused == set(), "granted and not used"
