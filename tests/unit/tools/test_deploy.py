"""`make deploy`: parameters, region and environment are checked before anything is built."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT
from tools.deploy import DeployError, deploy, parameters, region_of, section

TEMPLATE = (ROOT / "template.yaml").read_text(encoding="utf-8")
FAKE_SAM = """import json, os, sys, tomllib
files = [word.removeprefix("file://") for word in sys.argv if word.startswith("file://")]
call = {
    "arguments": [word for word in sys.argv[1:] if not word.startswith("file://")],
    "parameters": tomllib.load(open(files[0], "rb")) if files else None,
    "region": os.environ.get("AWS_DEFAULT_REGION"),
}
with open("calls", "a") as file:
    file.write(json.dumps(call) + "\\n")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with our template, one environment, and a `sam` that records its calls."""
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "samconfig.toml").write_text(
        '[default.deploy.parameters]\nstack_name = "s"\nparameter_overrides = ["LogLevel=DEBUG", "EventSources=a,b"]\n'
    )
    sam = tmp_path / "sam"
    (tmp_path / "sam.py").write_text(FAKE_SAM)
    # Not Python by its first line: that takes no path with spaces.
    sam.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$0.py" "$@"\n')
    sam.chmod(0o755)
    return tmp_path


def calls(project: Path) -> list[dict[str, Any]]:
    """Return the calls of `sam`."""
    file = project / "calls"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_additional_parameters_keep_those_of_the_environment() -> None:
    """`make deploy PARAMETERS=…` adds to the list of samconfig.toml, which sam alone would replace."""
    own = section("staging")["parameter_overrides"]
    changes = ["AlarmTopicArn=arn:aws:sns:eu-west-1:1:on-call", "MaxSendsPerSecond=9"]

    assert parameters(own, changes, TEMPLATE) == {
        "LogLevel": "DEBUG",
        "LogRetentionDays": "7",
        "MaximumConcurrency": "2",
        "MaxSendsPerSecond": "9",
        "AlarmTopicArn": "arn:aws:sns:eu-west-1:1:on-call",
    }


@pytest.mark.parametrize(
    "own",
    [
        ["LogLevel=DEBUG", "EventSources=", "MaxSendsPerSecond=9"],
        'LogLevel="DEBUG" EventSources="" MaxSendsPerSecond="9"',
        {"LogLevel": "DEBUG", "EventSources": "", "MaxSendsPerSecond": 9},
    ],
    ids=["list", "string of sam deploy --guided", "table"],
)
def test_samconfig_may_hold_the_parameters_in_each_form_of_sam(own: object) -> None:
    """A list, the string that `sam deploy --guided` saves, and a table are the same."""
    expected = {"LogLevel": "DEBUG", "EventSources": "", "MaxSendsPerSecond": "9"}

    assert parameters(own, [], TEMPLATE) == expected


def test_a_parameter_can_be_set_to_empty_again() -> None:
    """An empty value on the command line replaces the value of samconfig.toml."""
    assert parameters(["EventSources=a,b"], ["EventSources="], TEMPLATE) == {"EventSources": ""}


@pytest.mark.parametrize(
    ("own", "changes", "message"),
    [
        ([], ["Pause=true"], r"PARAMETERS: template.yaml has no parameter Pause. Did you mean Paused\?"),
        ([], ["NoSuch=1"], r"PARAMETERS: template.yaml has no parameter NoSuch\.$"),
        (["Pausd=true"], [], r"samconfig.toml: template.yaml has no parameter Pausd. Did you mean Paused\?"),
        ("Pausd=true", [], r"samconfig.toml: .* Did you mean Paused\?"),
        ([], ["Paused"], r"PARAMETERS: Paused is not NAME=VALUE"),
    ],
)
def test_an_unknown_parameter_is_refused_with_its_place(own: object, changes: list[str], message: str) -> None:
    """`sam` would ignore the name and report that the stack is up to date."""
    with pytest.raises(DeployError, match=message):
        parameters(own, changes, TEMPLATE)


def test_every_parameter_of_the_template_is_known() -> None:
    """No name of the template's parameters is refused, and no name of another section is accepted."""
    names = [name for name in TEMPLATE.split("ParameterLabels:\n")[1].split("\n\n")[0].split() if name.endswith(":")]
    named = [name.removesuffix(":") for name in names if name[0].isupper()]

    assert len(named) > 20
    assert list(parameters([f"{name}=1" for name in named], [], TEMPLATE)) == named
    with pytest.raises(DeployError):
        parameters([], ["Fixed=1"], TEMPLATE)


def test_an_unknown_environment_is_refused() -> None:
    """The message lists the environments."""
    with pytest.raises(DeployError, match="no environment production, only default, staging, prod"):
        section("production")


@pytest.fixture
def profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An AWS configuration with two profiles: one has a region, and the other has none."""
    config = tmp_path / "config"
    config.write_text("[profile berlin]\nregion = eu-central-1\n[profile nowhere]\noutput = json\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("values", "variables", "region"),
    [
        ({"region": "eu-west-1"}, {"AWS_REGION": "us-east-1"}, "eu-west-1"),
        ({}, {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-west-2"}, "us-east-1"),
        ({}, {"AWS_REGION": "", "AWS_DEFAULT_REGION": "us-west-2"}, "us-west-2"),
        ({"profile": "berlin"}, {}, "eu-central-1"),
    ],
)
def test_the_region_is_found_where_aws_tools_have_it(
    values: dict[str, str], variables: dict[str, str], region: str
) -> None:
    """samconfig.toml comes first, then the variables, then the profile."""
    assert region_of(values, variables) == region


@pytest.mark.usefixtures("profiles")
def test_a_region_of_the_profile_reaches_sam(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sam` gets the profile's region and never an empty one, for the build and for the deployment."""
    monkeypatch.setenv("AWS_PROFILE", "berlin")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "")

    assert deploy("default", ["EventSources="], root=project, sam=project / "sam") == 0
    build, deployment = calls(project)
    assert build == {"arguments": ["build", "--config-env", "default"], "parameters": None, "region": "eu-central-1"}
    assert deployment == {
        "arguments": ["deploy", "--config-env", "default", "--parameter-overrides"],
        "parameters": {"LogLevel": "DEBUG", "EventSources": ""},
        "region": "eu-central-1",
    }


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("variables", "changes", "message"),
    [
        ({}, [], "there is no AWS region: set AWS_REGION"),
        ({"AWS_PROFILE": "nowhere"}, [], "there is no AWS region"),
        ({"AWS_PROFILE": "missing"}, [], "missing"),
        ({"AWS_REGION": "eu-west-1"}, ["NoSuch=1"], "NoSuch"),
    ],
)
def test_nothing_is_built_when_the_deployment_cannot_start(
    project: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], changes: list[str], message: str
) -> None:
    """A missing region or an unknown parameter is an error before the build."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(DeployError, match=message) as error:
        deploy("default", changes, root=project, sam=project / "sam")
    assert "\n" not in str(error.value)
    assert calls(project) == []
