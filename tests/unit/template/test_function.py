"""The function's properties agree with its code, its queue and its runtime."""

import re
from pathlib import Path
from typing import Any

from message_sender.settings import ENVIRONMENT_NAMES, Settings
from tools.build import runtime_of

SDK_NAMES = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
"""The variables that Powertools reads."""


def _function(resources: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = resources["SendMessageFunction"]["Properties"]
    return properties


def _mapping(resources: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = resources["SendMessageFunctionMessageQueueMapping"]["Properties"]
    return properties


def test_environment_is_what_the_settings_read(resolve: Any) -> None:
    """The code reads every variable, and the template sets every setting."""
    assert set(_function(resolve().resources)["Environment"]["Variables"]) == ENVIRONMENT_NAMES | SDK_NAMES


def test_each_variable_has_the_value_of_its_own_parameter(resolve: Any) -> None:
    """Each parameter has another value here, because equal defaults would hide a mix-up."""
    parameters = {
        "SociocsBaseUrl": "https://sociocs.example.com",
        "ApiKeySecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:sociocs/apikey-AbCdEf",
        "OutcomeEventBusName": "outcomes",
        "UnknownOutcome": "retry",
        "IdempotencyDays": "31",
        "MaximumRetryHours": "7",
        "SendConcurrency": "11",
        "MaxSendsPerSecond": "12",
        "MaximumConcurrency": "13",
        "ConnectTimeoutSeconds": "4",
        "ReadTimeoutSeconds": "15",
        "ApiKeyMaximumAgeSeconds": "60",
    }
    variables = _function(resolve(**parameters, LogLevel="DEBUG").resources)["Environment"]["Variables"]
    assert {name: str(value) if not isinstance(value, dict) else value for name, value in variables.items()} == {
        "SOCIOCS_BASE_URL": parameters["SociocsBaseUrl"],
        "API_KEY_SECRET_ARN": parameters["ApiKeySecretArn"],
        "LEDGER_TABLE_NAME": {"Ref": "LedgerTable"},
        "MESSAGE_QUEUE_URL": {"Ref": "MessageQueue"},
        "DEAD_LETTER_QUEUE_URL": {"Ref": "MessageDeadLetterQueue"},
        "OUTCOME_EVENT_BUS_NAME": "outcomes",
        "UNKNOWN_OUTCOME": "retry",
        "IDEMPOTENCY_DAYS": "31",
        "MAXIMUM_RETRY_HOURS": "7",
        "MAXIMUM_RECEIVE_COUNT": "200",
        "MESSAGE_RETENTION_HOURS": "96",
        "SEND_CONCURRENCY": "11",
        "MAX_SENDS_PER_SECOND": "12",
        "MAXIMUM_CONCURRENCY": "13",
        "CONNECT_TIMEOUT_SECONDS": "4",
        "READ_TIMEOUT_SECONDS": "15",
        "API_KEY_MAX_AGE_SECONDS": "60",
        "POWERTOOLS_SERVICE_NAME": "stack",
        "POWERTOOLS_METRICS_NAMESPACE": "SociocsMessageSender",
        "POWERTOOLS_LOG_LEVEL": "DEBUG",
    }
    own = _function(resolve().resources)["Environment"]["Variables"]
    assert own["API_KEY_SECRET_ARN"] == {"Ref": "ApiKeySecret"}


def test_defaults_are_the_settings_own(resolve: Any) -> None:
    """The defaults of Settings are those of the template, so tests use the numbers of a default stack."""
    variables = _function(resolve().resources)["Environment"]["Variables"]
    for name, field in Settings.model_fields.items():
        if not field.is_required():
            assert variables[name.upper()] == field.default, name


def test_the_largest_and_smallest_parameters_are_valid_settings(template: dict[str, Any], resolve: Any) -> None:
    """The function starts with every value that the template accepts."""
    for bound in ("MinValue", "MaxValue"):
        values = {name: str(p[bound]) for name, p in template["Parameters"].items() if bound in p}
        variables = _function(resolve(**values).resources)["Environment"]["Variables"]
        Settings.from_environment({name: str(value) for name, value in variables.items()})


def test_handler_is_in_the_sources(template: dict[str, Any], root: Path) -> None:
    """The handler names a module below CodeUri and a function in that module."""
    properties = template["Resources"]["SendMessageFunction"]["Properties"]
    module, function = properties["Handler"].rsplit(".", 1)
    source = root / properties["CodeUri"] / f"{module.replace('.', '/')}.py"
    assert re.search(rf"^def {function}\(", source.read_text(encoding="utf-8"), re.MULTILINE)


def test_runtime_is_one_line(template_text: str, root: Path) -> None:
    """For a newer Python, change that line and run `make build`. This test checks the other places.

    `requires-python` in pyproject.toml must allow that version, so that `make setup` and CI can run the tests on it.
    """
    assert template_text.count("Runtime: python") == 1
    python = runtime_of(template_text).python
    allowed = re.search(
        r'^requires-python = ">=3\.(\d+),<3\.(\d+)"$', (root / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert allowed
    assert int(allowed[1]) <= int(python.removeprefix("3.")) < int(allowed[2])


def test_events_come_from_the_default_bus(template: dict[str, Any]) -> None:
    """Every account has the bus `default`."""
    assert template["Parameters"]["EventBusName"]["Default"] == "default"


def test_outcome_events_are_off_by_default(resolve: Any) -> None:
    """The default stack publishes no event, and its role may not publish one."""
    resources = resolve().resources
    assert _function(resources)["Environment"]["Variables"]["OUTCOME_EVENT_BUS_NAME"] == ""
    assert "events:PutEvents" not in str(resources["SendMessageFunctionRole"])


def test_loop_detection_stays_on(template_text: str) -> None:
    """Lambda stops a recursive loop unless the template turns this off."""
    assert not re.search(r"^ +RecursiveLoop:", template_text, re.MULTILINE)


def test_the_mapping_reports_each_message_and_filters_none(resolve: Any) -> None:
    """Only the failed messages of a batch come back. A filter would delete messages, so there is none."""
    mapping = _mapping(resolve().resources)
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["MessageQueue", "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    # Half of the concurrency of a new account, which has 10 ("Lambda quotas").
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 5}
    assert mapping["BatchSize"] == 10
    assert mapping["MaximumBatchingWindowInSeconds"] == 0
    assert mapping["Enabled"] is True
    assert "FilterCriteria" not in mapping


def test_pausing_stops_the_mapping_and_nothing_else(resolve: Any) -> None:
    """The mapping is off. The rule, the queue and the function stay."""
    paused, running = resolve(Paused="true"), resolve()
    assert _mapping(paused.resources)["Enabled"] is False
    assert set(paused.resources) == set(running.resources)


def test_while_paused_direct_events_wait_on_the_queue(resolve: Any) -> None:
    """No rule invokes the function while the stack is paused."""
    paused = resolve(Paused="true", EventBridgeTarget="function").resources
    assert "SendMessageRule" in paused
    assert "SendMessageFunctionRule" not in paused


def test_a_fifo_mapping_has_no_window(resolve: Any) -> None:
    """Lambda refuses a batch window for a FIFO queue, also a window of 0 seconds."""
    assert "MaximumBatchingWindowInSeconds" not in _mapping(resolve(QueueType="fifo").resources)


def test_the_transform_adds_only_what_the_template_means(resolve: Any, template: dict[str, Any]) -> None:
    """SAM adds the mapping and the asynchronous settings. It adds no role, policy or permission."""
    added = set(resolve().resources) - set(template["Resources"])
    assert added == {"SendMessageFunctionMessageQueueMapping", "SendMessageFunctionEventInvokeConfig"}
