"""The dashboard and the alarms show the function's metrics, and each alarm names its heading in the runbook."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from message_sender.observability import Metric
from message_sender.outcome import ErrorCode
from tests.support.pages import anchors

NAMESPACE = "SociocsMessageSender"
VARIANTS = [
    {},
    {"QueueType": "fifo"},
    {"EventBridgeTarget": "function"},
    {"EventBridgeTarget": "function", "OutcomeEventBusName": "outcomes"},
]
NAMES = {"SendMessageFunction": "function"}


def _alarms(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}


def _composites(resources: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {n: r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::CloudWatch::CompositeAlarm"}


def _metric_stats(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics of an alarm, each with its namespace, name and dimensions."""
    queries = alarm.get("Metrics")
    return [alarm] if queries is None else [query["MetricStat"]["Metric"] for query in queries if "MetricStat" in query]


def _metrics_of(alarm: dict[str, Any]) -> list[tuple[str, str]]:
    return [(metric["Namespace"], metric["MetricName"]) for metric in _metric_stats(alarm)]


def _dashboard(resources: dict[str, Any]) -> dict[str, Any]:
    """Return the body of the dashboard, with a name in the place of each resource."""
    dashboard: dict[str, Any] = json.loads(_text(resources["Dashboard"]["Properties"]["DashboardBody"]))
    return dashboard


def _text(body: Any) -> str:
    """Replace each reference to a resource by its name."""
    if isinstance(body, str):
        return body
    text, variables = body["Fn::Sub"] if isinstance(body["Fn::Sub"], list) else (body["Fn::Sub"], {})
    values = NAMES | {name: _text(value) for name, value in variables.items()}
    filled = re.sub(r"\$\{(?!!)([^}]+)\}", lambda match: str(values.get(match[1], match[1])), text)
    return filled.replace("${!", "${")


def _dashboard_metrics(resources: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for widget in _dashboard(resources)["widgets"]:
        for metric in widget["properties"].get("metrics", []):
            if isinstance(metric[0], str):
                found.append((metric[0], metric[1]))
            else:
                expression = metric[0]["expression"]
                search = re.search(
                    r"SEARCH\('\{(\w+),service,code\} MetricName=\"(\w+)\" service=\"stack\"'", expression
                )
                assert search, expression
                found.append((search[1], search[2]))
    return found


def test_every_metric_that_is_emitted_is_shown_and_every_one_shown_is_emitted(resolve: Any) -> None:
    """The dashboard and the alarms together use exactly the metrics that the function emits."""
    resources = resolve().resources
    shown = {name for namespace, name in _dashboard_metrics(resources) if namespace == NAMESPACE}
    shown |= {
        name
        for alarm in _alarms(resources).values()
        for namespace, name in _metrics_of(alarm)
        if namespace == NAMESPACE
    }
    assert shown == {metric.value for metric in Metric}


def test_the_namespace_is_the_one_that_the_function_is_given(resolve: Any) -> None:
    """The function's environment and the alarms use the same namespace, and the stack's name as the service."""
    resources = resolve().resources
    variables = resources["SendMessageFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == NAMESPACE
    assert variables["POWERTOOLS_SERVICE_NAME"] == "stack"
    for alarm in _alarms(resources).values():
        for metric in _metric_stats(alarm):
            if metric["Namespace"] == NAMESPACE:
                assert {"Name": "service", "Value": "stack"} in metric["Dimensions"]


DEAD_LETTERS = ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum", ">= 1", "1 of 1")
ALARMS = {
    "DeadLettersAlarm": (*DEAD_LETTERS, {"QueueName": "MessageDeadLetterQueue.QueueName"}),
    "EventDeadLettersAlarm": (*DEAD_LETTERS, {"QueueName": "EventDeadLetterQueue.QueueName"}),
    "DeadLetterAgeAlarm": (
        *("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", f"> {7 * 86_400}", "1 of 1"),
        {"QueueName": "MessageDeadLetterQueue.QueueName"},
    ),
    "DeadLetterExpiryAlarm": (
        *("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", f"> {12 * 86_400}", "1 of 1"),
        {"QueueName": "MessageDeadLetterQueue.QueueName"},
    ),
    "EventDeadLetterAgeAlarm": (
        *("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", f"> {7 * 86_400}", "1 of 1"),
        {"QueueName": "EventDeadLetterQueue.QueueName"},
    ),
    "OutcomeEventFailuresAlarm": (NAMESPACE, Metric.OUTCOME_EVENT_FAILURES, "Sum", ">= 1", "1 of 4", {}),
    "MessageAgeAlarm": (
        *("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", "> 1234", "1 of 1"),
        {"QueueName": "MessageQueue.QueueName"},
    ),
    "RetriedMessageAgeAlarm": (NAMESPACE, Metric.RETRIED_AGE, "Maximum", "> 1234", "1 of 4", {}),
    "FunctionErrorsAlarm": ("AWS/Lambda", "Errors", "Sum", ">= 1", "1 of 4", {"FunctionName": "SendMessageFunction"}),
    "FunctionThrottlesAlarm": (
        *("AWS/Lambda", "Throttles", "Sum", ">= 1", "3 of 3"),
        {"FunctionName": "SendMessageFunction"},
    ),
    "ApiUnauthorizedAlarm": (NAMESPACE, Metric.DEFERRED, "Sum", ">= 1", "1 of 4", {"code": "API_UNAUTHORIZED"}),
    "DependencyUnavailableAlarm": (
        *(NAMESPACE, Metric.DEFERRED, "Sum", ">= 1", "2 of 4"),
        {"code": "DEPENDENCY_UNAVAILABLE"},
    ),
    "ApiMisconfiguredAlarm": (NAMESPACE, Metric.DEFERRED, "Sum", ">= 1", "2 of 4", {"code": "API_MISCONFIGURED"}),
    "InternalErrorAlarm": (NAMESPACE, Metric.DEFERRED, "Sum", ">= 1", "1 of 4", {"code": "INTERNAL_ERROR"}),
    "OutcomeUnknownAlarm": (NAMESPACE, Metric.UNKNOWN_OUTCOMES, "Sum", ">= 1", "1 of 4", {}),
    "DeadLetterWriteFailuresAlarm": (NAMESPACE, Metric.DEAD_LETTER_FAILURES, "Sum", ">= 1", "2 of 4", {}),
    "RuleEventsLostAlarm": (
        *("AWS/Events", "InvocationsFailedToBeSentToDlq", "Sum", ">= 1", "1 of 1"),
        {"RuleName": "stack-to-queue"},
    ),
    "FunctionEventsLostAlarm": (
        *("AWS/Lambda", "DestinationDeliveryFailures", "Sum", ">= 1", "1 of 1"),
        {"FunctionName": "SendMessageFunction"},
    ),
}
"""For each alarm of one metric: namespace, metric, statistic, threshold, number of periods, and dimensions."""
COMPUTED = {"NewDeadLettersAlarm", "AsyncEventAgeAlarm"}
"""The alarms that compute their value from several metrics or in another unit."""


def _named(value: Any) -> Any:
    """Write a reference to a resource as `Resource.Attribute`."""
    if not isinstance(value, dict):
        return value
    ((_, names),) = value.items()
    return ".".join(names) if isinstance(names, list) else names


@pytest.mark.parametrize("parameters", VARIANTS)
def test_each_alarm_goes_off_when_it_should(resolve: Any, parameters: dict[str, str]) -> None:
    """Each alarm has the properties of the table. An alarm with a wrong dimension never goes off."""
    comparisons = {"GreaterThanOrEqualToThreshold": ">=", "GreaterThanThreshold": ">"}
    for name, alarm in _alarms(resolve(MessageAgeAlarmSeconds="1234", **parameters).resources).items():
        if name in COMPUTED:
            continue
        *expected, dimensions = ALARMS[name]
        if "EventBridgeTarget" in parameters and name == "RuleEventsLostAlarm":
            dimensions = {"RuleName": "stack-to-function"}
        if alarm["Namespace"] == NAMESPACE:
            dimensions = {"service": "stack", **dimensions}
        periods = alarm["EvaluationPeriods"]
        assert [
            alarm["Namespace"],
            alarm["MetricName"],
            alarm["Statistic"],
            f"{comparisons[alarm['ComparisonOperator']]} {alarm['Threshold']}",
            f"{alarm.get('DatapointsToAlarm', periods)} of {periods}",
        ] == expected, name
        assert alarm["Period"] == 300, name
        assert {d["Name"]: _named(d["Value"]) for d in alarm["Dimensions"]} == dimensions, name


def test_new_dead_letters_of_every_code_are_an_alarm(resolve: Any, root: Path) -> None:
    """The alarm has a metric for each code with which the function rejects a message."""
    alarm = _alarms(resolve().resources)["NewDeadLettersAlarm"]
    total, *metrics = alarm["Metrics"]
    sources = [path.read_text(encoding="utf-8") for path in (root / "src" / "message_sender").rglob("*.py")]
    codes = {code for source in sources for code in re.findall(r"Rejected\(\s*ErrorCode\.([A-Z_]+)", source)}

    assert total == {"Id": "letters", "Label": "New dead letters", "Expression": "SUM(METRICS())"}
    assert [(metric["ReturnData"], metric["MetricStat"]["Stat"]) for metric in metrics] == [(False, "Sum")] * len(
        metrics
    )
    dimensions = [{d["Name"]: d["Value"] for d in metric["MetricStat"]["Metric"]["Dimensions"]} for metric in metrics]
    assert {dimension["code"] for dimension in dimensions} == codes
    assert {dimension["service"] for dimension in dimensions} == {"stack"}
    assert set(_metrics_of(alarm)) == {(NAMESPACE, Metric.DEAD_LETTERED)}
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 1)


def test_the_age_of_direct_events_is_compared_in_seconds(resolve: Any) -> None:
    """AsyncEventAge is in milliseconds, and the parameter in seconds."""
    resources = resolve(EventBridgeTarget="function", MessageAgeAlarmSeconds="1234").resources
    alarm = _alarms(resources)["AsyncEventAgeAlarm"]
    total, metric = alarm["Metrics"]

    assert total["Expression"] == "milliseconds / 1000"
    assert metric["Id"] == "milliseconds"
    assert metric["MetricStat"]["Stat"] == "Maximum"
    assert metric["MetricStat"]["Metric"]["Dimensions"][0]["Value"] == {"Ref": "SendMessageFunction"}
    assert _metrics_of(alarm) == [("AWS/Lambda", "AsyncEventAge")]
    assert alarm["Threshold"] == 1234


def test_the_first_warning_comes_before_sqs_deletes_any_dead_letter(resolve: Any, template: dict[str, Any]) -> None:
    """A letter that SQS moved keeps the age of its first queue, so it has only the rest of the 14 days."""
    fixed = template["Mappings"]["Fixed"]
    shortest = fixed["DeadLetterQueue"]["RetentionSeconds"] - fixed["MessageQueue"]["RetentionSeconds"]
    alarms = _alarms(resolve().resources)

    assert shortest == 10 * 86_400
    assert alarms["DeadLetterAgeAlarm"]["Threshold"] <= shortest - 3 * 86_400
    assert alarms["DeadLetterExpiryAlarm"]["Threshold"] == fixed["DeadLetterQueue"]["RetentionSeconds"] - 2 * 86_400


def test_codes_in_alarms_are_error_codes() -> None:
    """The codes in the dimensions of alarms are codes of the function."""
    codes = {alarm[-1]["code"] for alarm in ALARMS.values() if "code" in alarm[-1]}
    assert codes <= set(ErrorCode)


def test_while_paused_the_age_is_an_alarm_a_day_before_messages_are_deleted(resolve: Any) -> None:
    """While paused, messages wait on purpose, so the alarm is one day before SQS deletes them."""
    resources = resolve(Paused="true").resources
    retention = resources["MessageQueue"]["Properties"]["MessageRetentionPeriod"]
    assert _alarms(resources)["MessageAgeAlarm"]["Threshold"] == retention - 86_400


@pytest.mark.parametrize("parameters", VARIANTS)
def test_each_alarm_names_a_heading_of_the_runbook(resolve: Any, root: Path, parameters: dict[str, str]) -> None:
    """The description of each alarm ends with a heading of the runbook."""
    url = "https://example.com/runbook"
    resources = resolve(RunbookUrl=url, **parameters).resources
    for name, alarm in {**_alarms(resources), **_composites(resources)}.items():
        match = re.search(rf"What to do: {re.escape(url)}#(alarm-[a-z-]+)$", alarm["AlarmDescription"])
        assert match, name
        assert match[1] in anchors(root / "docs" / "operations.md"), name
        assert len(alarm["AlarmDescription"]) <= 1024, "the maximum of CloudWatch"


def test_every_runbook_heading_has_its_alarm(template_text: str, root: Path) -> None:
    """Each heading about an alarm is named in the template."""
    headings = {anchor for anchor in anchors(root / "docs" / "operations.md") if anchor.startswith("alarm-")}
    assert headings == set(re.findall(r"\$\{RunbookUrl\}#([a-z-]+)", template_text))


def test_every_page_that_the_template_names_is_there(template_text: str, root: Path) -> None:
    """Every heading that the template names exists."""
    headings = (root / "docs" / "operations.md").read_text(encoding="utf-8").splitlines()
    named = set(re.findall(r'docs/operations\.md,\s+"([^"]+)"', template_text))
    assert "Your own KMS key" in named
    assert [name for name in sorted(named) if not {f"## {name}", f"### {name}"} & set(headings)] == []


def test_the_alarms_that_an_operator_expects_are_there(resolve: Any) -> None:
    """Each variant has all alarms, except those that only another variant can have."""
    fifo = {"EventDeadLettersAlarm", "EventDeadLetterAgeAlarm"}
    direct, outcomes = {"FunctionEventsLostAlarm", "AsyncEventAgeAlarm"}, {"OutcomeEventFailuresAlarm"}
    expected = {*ALARMS, *COMPUTED} - fifo - direct - outcomes
    assert set(_alarms(resolve().resources)) == expected
    assert set(_alarms(resolve(QueueType="fifo").resources)) == expected | fifo
    assert set(_alarms(resolve(EventBridgeTarget="function").resources)) == expected | direct
    assert set(_alarms(resolve(OutcomeEventBusName="outcomes").resources)) == expected | outcomes


@pytest.mark.parametrize("target", ["queue", "function"])
@pytest.mark.parametrize("bus", ["default", "orders"])
def test_lost_events_are_counted_for_the_rule_that_is_there(resolve: Any, bus: str, target: str) -> None:
    """The metric has a dimension for a custom bus, and none for the default bus."""
    resources = resolve(EventBusName=bus, EventBridgeTarget=target).resources
    rule = resources["SendMessageRule" if target == "queue" else "SendMessageFunctionRule"]["Properties"]["Name"]
    on_bus = [] if bus == "default" else [{"Name": "EventBusName", "Value": bus}]
    assert _alarms(resources)["RuleEventsLostAlarm"]["Dimensions"] == [*on_bus, {"Name": "RuleName", "Value": rule}]


@pytest.mark.parametrize("parameters", VARIANTS)
def test_the_dashboard_lists_the_alarms_that_the_stack_has(resolve: Any, parameters: dict[str, str]) -> None:
    """The alarm widget lists exactly the alarms of the stack."""
    resources = resolve(**parameters).resources
    (widget,) = [widget for widget in _dashboard(resources)["widgets"] if widget["type"] == "alarm"]
    alarms = {**_alarms(resources), **_composites(resources)}
    assert sorted(widget["properties"]["alarms"]) == sorted(f"{name}.Arn" for name in alarms)


def test_the_dashboard_shows_each_percentile_as_its_label_says(resolve: Any) -> None:
    """Both latencies are shown as p50, p95 and p99."""
    found = Counter(
        (metric[1], metric[-1]["stat"])
        for widget in _dashboard(resolve().resources)["widgets"]
        for metric in widget["properties"].get("metrics", [])
        if isinstance(metric[-1], dict) and "stat" in metric[-1]
    )
    percentiles = ("p50", "p95", "p99")
    assert found == Counter((m, p) for m in (Metric.END_TO_END_LATENCY, Metric.API_LATENCY) for p in percentiles)


def test_the_dashboard_shows_dead_events_where_they_have_a_queue_of_their_own(resolve: Any) -> None:
    """Only QueueType=fifo has a separate queue for undelivered events."""
    for parameters, shown in (({}, False), ({"QueueType": "fifo"}, True)):
        text = json.dumps(_dashboard(resolve(**parameters).resources))
        assert ("EventDeadLetterQueue.QueueName" in text) == shown


STOPPED = {
    "MessageAgeAlarm",
    "RetriedMessageAgeAlarm",
    "FunctionErrorsAlarm",
    "FunctionThrottlesAlarm",
    "ApiUnauthorizedAlarm",
    "DependencyUnavailableAlarm",
    "ApiMisconfiguredAlarm",
    "InternalErrorAlarm",
}
"""The alarms that mean that messages are not sent."""


def test_one_alarm_reports_that_messages_are_not_sent(resolve: Any) -> None:
    """It goes off when any of these alarms does."""
    (alarm,) = _composites(resolve().resources).values()
    named = re.findall(r'ALARM\("([^"]+)"\)', _text(alarm["AlarmRule"]))

    assert set(named) == STOPPED
    assert _text(alarm["AlarmRule"]) == " OR ".join(f'ALARM("{name}")' for name in named)


@pytest.mark.parametrize("parameters", VARIANTS)
def test_each_alarm_reaches_the_topic_once(resolve: Any, parameters: dict[str, str]) -> None:
    """The topic gets the start and the end of each alarm. The alarms of the composite alarm have no own actions."""
    topic = "arn:aws:sns:eu-west-1:123456789012:on-call"
    resources = resolve(AlarmTopicArn=topic, **parameters).resources
    for name, alarm in {**_alarms(resources), **_composites(resources)}.items():
        expected = None if name in STOPPED else [topic]
        assert alarm.get("AlarmActions") == alarm.get("OKActions") == expected, name
    resources = resolve(**parameters).resources
    for alarm in [*_alarms(resources).values(), *_composites(resources).values()]:
        assert not {"AlarmActions", "OKActions"} & set(alarm)


def test_quiet_is_not_an_alarm(resolve: Any) -> None:
    """Missing data is not an alarm, because some metrics are written only after a failure."""
    for alarm in _alarms(resolve().resources).values():
        assert alarm["TreatMissingData"] == "notBreaching"


def test_the_widgets_are_on_the_grid_without_overlap(resolve: Any) -> None:
    """The grid has 24 columns, and no widget covers another."""
    taken: set[tuple[int, int]] = set()
    for widget in _dashboard(resolve().resources)["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert max(x for x, _ in cells) < 24
        assert not taken & cells, widget["properties"].get("title")
        taken |= cells


def test_the_dashboard_shows_what_people_ask_first(resolve: Any) -> None:
    """The dashboard shows depth and age of the queue, concurrency, latencies, and one line for each code."""
    metrics = set(_dashboard_metrics(resolve().resources))
    assert {
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/Lambda", "ConcurrentExecutions"),
    } <= metrics
    text = json.dumps(_dashboard(resolve().resources))
    assert all(f'"stat": "{percentile}"' in text for percentile in ("p50", "p95", "p99"))
    assert "${PROP('Dim.code')}" in text, "each code has its own line"


def test_the_log_is_kept_for_as_long_as_it_says(resolve: Any) -> None:
    """The stack's log group has a retention. A log group that Lambda makes is kept for ever."""
    resources = resolve(LogRetentionDays="7").resources
    assert resources["SendMessageFunctionLogGroup"]["Properties"]["RetentionInDays"] == 7
    logging = resources["SendMessageFunction"]["Properties"]["LoggingConfig"]
    assert logging == {"LogFormat": "Text", "LogGroup": {"Ref": "SendMessageFunctionLogGroup"}}


@pytest.mark.parametrize(("tracing", "mode"), [("false", "PassThrough"), ("true", "Active")])
def test_traces_are_recorded_only_on_request(resolve: Any, tracing: str, mode: str) -> None:
    """Traces cost money, so they are off by default, and the role may write them only if they are on."""
    resources = resolve(Tracing=tracing).resources
    assert resources["SendMessageFunction"]["Properties"]["TracingConfig"] == {"Mode": mode}
    assert ("xray:PutTraceSegments" in str(resources["SendMessageFunctionRole"])) is (tracing == "true")
    assert resolve().parameters["Tracing"] == "false"
