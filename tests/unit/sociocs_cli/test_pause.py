"""`sociocs pause` and `sociocs resume`, with a Lambda that takes its time."""

import json
from dataclasses import dataclass, field
from typing import Any

import click
import pytest

from sociocs_cli.commands import pause
from sociocs_cli.stack import Stack


@dataclass
class FakeLambda:
    """One mapping, which says each of `states` in turn and then the last for ever."""

    states: list[str]
    asked: list[bool] = field(default_factory=list)

    def get_event_source_mapping(self, UUID: str) -> dict[str, str]:  # noqa: N803 - boto3's name
        """Say the state."""
        assert UUID == "mapping"
        return {"State": self.states.pop(0) if len(self.states) > 1 else self.states[0]}

    def update_event_source_mapping(self, UUID: str, Enabled: bool) -> dict[str, Any]:  # noqa: FBT001, N803 - as above
        """Take the change."""
        assert UUID == "mapping"
        self.asked.append(Enabled)
        return {}


def stack(functions: FakeLambda, **parameters: str) -> Stack:
    """A stack with that mapping."""
    found = Stack("stack")
    found.__dict__["functions"] = functions
    found.__dict__["description"] = {
        "Outputs": [{"OutputKey": "EventSourceMappingId", "OutputValue": "mapping"}],
        "Parameters": [{"ParameterKey": n, "ParameterValue": v} for n, v in parameters.items()],
    }
    return found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks at the state there is no wait."""
    monkeypatch.setattr(pause, "_POLL_SECONDS", 0)


@pytest.mark.parametrize(
    ("wanted", "states", "asked"),
    [
        ("Disabled", ["Enabled", "Disabling", "Disabling", "Disabled"], [False]),
        ("Enabled", ["Disabled", "Enabling", "Enabled"], [True]),
        ("Disabled", ["Disabled"], []),
    ],
    ids=["pause", "resume", "paused-already"],
)
def test_it_is_done_when_lambda_has_done_it(
    wanted: str, states: list[str], asked: list[bool], capsys: pytest.CaptureFixture[str]
) -> None:
    """Not when Lambda has only taken the order."""
    functions = FakeLambda(states)

    pause._set(stack(functions), wanted, as_json=True)

    assert functions.asked == asked
    assert functions.states == [wanted]
    printed = capsys.readouterr()
    assert json.loads(printed.out)["mapping"] == {"id": "mapping", "state": wanted, "enabled": wanted == "Enabled"}
    assert ("Waiting until Lambda says" in printed.err) == bool(asked)


def test_a_lambda_that_does_not_get_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is told that sending is paused while it is not."""
    monkeypatch.setattr(pause, "_WITHIN_SECONDS", -1)

    with pytest.raises(click.ClickException, match="Lambda still says Disabling"):
        pause._set(stack(FakeLambda(["Enabled", "Disabling"])), "Disabled", as_json=False)


@pytest.mark.parametrize(
    ("parameters", "direct"),
    [
        ({"EventBridgeTarget": "queue", "Paused": "false"}, False),
        ({"EventBridgeTarget": "function", "Paused": "false"}, True),
        ({"EventBridgeTarget": "function", "Paused": "true"}, False),
    ],
)
def test_direct_events_are_known(parameters: dict[str, str], *, direct: bool) -> None:
    """The mapping does not stop them; the parameter does."""
    assert stack(FakeLambda(["Disabled"]), **parameters).takes_direct_events is direct
    assert stack(FakeLambda(["Disabled"]), **parameters).is_paused is not direct
