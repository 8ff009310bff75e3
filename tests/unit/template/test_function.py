"""The function's settings agree with its code, its queue and its runtime."""

import re
from pathlib import Path
from typing import Any

from message_sender.settings import ENVIRONMENT_NAMES, Settings
from tools.build import runtime_of

SDK_NAMES = {"POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_LOG_LEVEL"}
"""Read by Powertools."""


def _function(resources: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = resources["SendMessageFunction"]["Properties"]
    return properties


def _mapping(resources: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = resources["SendMessageFunctionMessageQueueMapping"]["Properties"]
    return properties


def test_environment_is_what_the_settings_read(resolve: Any) -> None:
    """No variable that nothing reads, no setting that nothing sets."""
    assert set(_function(resolve().resources)["Environment"]["Variables"]) == ENVIRONMENT_NAMES | SDK_NAMES


def test_defaults_are_the_settings_own(resolve: Any) -> None:
    """Tests and the sandbox run with the numbers that a default stack has."""
    variables = _function(resolve().resources)["Environment"]["Variables"]
    for name, field in Settings.model_fields.items():
        if not field.is_required() and name != "outcome_event_bus_name":
            assert variables[name.upper()] == field.default, name


def test_the_largest_and_smallest_parameters_are_valid_settings(template: dict[str, Any], resolve: Any) -> None:
    """Nothing that the form accepts makes the function fail at its start."""
    for bound in ("MinValue", "MaxValue"):
        values = {name: str(p[bound]) for name, p in template["Parameters"].items() if bound in p}
        variables = _function(resolve(**values).resources)["Environment"]["Variables"]
        Settings.from_environment({name: str(value) for name, value in variables.items()})


def test_handler_is_in_the_sources(template: dict[str, Any], root: Path) -> None:
    """The handler names a module below CodeUri, and a function in it."""
    properties = template["Resources"]["SendMessageFunction"]["Properties"]
    module, function = properties["Handler"].rsplit(".", 1)
    source = root / properties["CodeUri"] / f"{module.replace('.', '/')}.py"
    assert re.search(rf"^def {function}\(", source.read_text(encoding="utf-8"), re.MULTILINE)


def test_runtime_is_one_line(template_text: str, root: Path) -> None:
    """A newer Python: change that line, then `make build`, which reads it. Everything else that names one is below.

    pyproject.toml's `requires-python` must allow it, so that `make setup` and CI can run the tests on it.
    """
    assert template_text.count("Runtime: python") == 1
    python = runtime_of(template_text).python
    allowed = re.search(
        r'^requires-python = ">=3\.(\d+),<3\.(\d+)"$', (root / "pyproject.toml").read_text(), re.MULTILINE
    )
    assert allowed
    assert int(allowed[1]) <= int(python.removeprefix("3.")) < int(allowed[2])


def test_event_bus_defaults_to_where_every_account_has_one(template: dict[str, Any]) -> None:
    """Outcome events are on by default: a producer has not to ask for them."""
    assert template["Parameters"]["OutcomeEventBusName"]["Default"] == "default"
    assert template["Parameters"]["EventBusName"]["Default"] == "default"


def test_loop_detection_stays_on(template_text: str) -> None:
    """Lambda stops a loop by itself unless it is told not to."""
    assert not re.search(r"^ +RecursiveLoop:", template_text, re.MULTILINE)


def test_the_mapping_reports_each_message_and_filters_none(resolve: Any) -> None:
    """A batch that fails in part fails in part only; a filter would delete what it leaves out."""
    mapping = _mapping(resolve().resources)
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 10}
    assert mapping["BatchSize"] == 10
    assert mapping["MaximumBatchingWindowInSeconds"] == 0
    assert mapping["Enabled"] is True
    assert "FilterCriteria" not in mapping


def test_pausing_stops_the_mapping_and_nothing_else(resolve: Any) -> None:
    """Messages wait; rule, queue and function stay."""
    paused, running = resolve(Paused="true"), resolve()
    assert _mapping(paused.resources)["Enabled"] is False
    assert set(paused.resources) == set(running.resources)


def test_while_paused_direct_events_wait_on_the_queue(resolve: Any) -> None:
    """A rule that still invoked the function would go on sending."""
    paused = resolve(Paused="true", EventBridgeTarget="function").resources
    assert "SendMessageRule" in paused
    assert "SendMessageFunctionRule" not in paused


def test_a_fifo_mapping_has_no_window(resolve: Any) -> None:
    """Lambda refuses a window on a FIFO queue, even of 0 seconds."""
    assert "MaximumBatchingWindowInSeconds" not in _mapping(resolve(QueueType="fifo").resources)


def test_the_transform_adds_only_what_the_template_means(resolve: Any, template: dict[str, Any]) -> None:
    """SAM makes the mapping and the asynchronous settings; no role, no policy, no permission of its own."""
    added = set(resolve().resources) - set(template["Resources"])
    assert added == {"SendMessageFunctionMessageQueueMapping", "SendMessageFunctionEventInvokeConfig"}
