"""`sociocs pause` and `sociocs resume`, with a Lambda that takes its time."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from sociocs_cli.stack import Waits
from tests.support.cli_shell import run
from tests.support.stacks import stack_on


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


@pytest.mark.parametrize(
    ("command", "wanted", "states", "asked"),
    [
        ("pause", "Disabled", ["Enabled", "Disabling", "Disabling", "Disabled"], [False]),
        ("resume", "Enabled", ["Disabled", "Enabling", "Enabled"], [True]),
        ("pause", "Disabled", ["Disabled"], []),
    ],
    ids=["pause", "resume", "paused-already"],
)
def test_it_is_done_when_lambda_has_done_it(command: str, wanted: str, states: list[str], asked: list[bool]) -> None:
    """Not when Lambda has only taken the order."""
    functions = FakeLambda(states)

    done = run(command, "--json", open_stack=lambda *_: stack_on(functions=functions))

    assert done.code == 0
    assert functions.asked == asked
    assert functions.states == [wanted]
    assert done.json["mapping"] == {"id": "mapping", "state": wanted, "enabled": wanted == "Enabled"}
    assert ("Waiting until Lambda says" in done.err) == bool(asked)


def test_a_lambda_that_does_not_get_there_is_said() -> None:
    """Nobody is told that sending is paused while it is not."""
    stack = stack_on(functions=FakeLambda(["Enabled", "Disabling"]), waits=Waits(between_looks=0, mapping=-1))

    done = run("pause", open_stack=lambda *_: stack)

    assert done.code == 1
    assert "Lambda still says Disabling" in done.err


@pytest.mark.parametrize(
    ("parameters", "direct"),
    [
        ({"EventBridgeTarget": "queue", "Paused": "false"}, False),
        ({"EventBridgeTarget": "function", "Paused": "false"}, True),
        ({"EventBridgeTarget": "function", "Paused": "true"}, False),
    ],
)
def test_direct_events_are_said(parameters: dict[str, str], *, direct: bool) -> None:
    """The mapping does not stop them; the parameter does."""
    stack = stack_on(functions=FakeLambda(["Disabled"]), parameters=parameters)

    done = run("pause", open_stack=lambda *_: stack)

    assert done.code == 0
    assert ("Events still invoke the function directly" in done.err) is direct
