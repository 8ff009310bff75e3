"""samconfig.toml and the Serverless Application Repository's metadata fit the template and the project."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tools.parameters import parameters


@pytest.fixture(scope="module")
def samconfig(root: Path) -> dict[str, Any]:
    """samconfig.toml."""
    return tomllib.loads((root / "samconfig.toml").read_text(encoding="utf-8"))


ENVIRONMENTS = ["default", "staging", "prod"]


def test_there_are_three_environments_each_a_stack_of_its_own(samconfig: dict[str, Any]) -> None:
    """Deploying one never touches another."""
    environments = {name: value for name, value in samconfig.items() if name != "version"}
    assert list(environments) == ENVIRONMENTS
    stacks = [value["global"]["parameters"]["stack_name"] for value in environments.values()]
    assert stacks[0] == "sociocs-message-sender"
    assert len(set(stacks)) == len(stacks)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_parameters_of_each_environment_are_the_templates(
    samconfig: dict[str, Any], resolve: Any, environment: str
) -> None:
    """A parameter that was renamed or a value out of bounds shows here, not in a deployment."""
    deploy = samconfig[environment]["deploy"]["parameters"]
    overrides = dict(item.split("=", 1) for item in deploy.get("parameter_overrides", []))
    assert "SendMessageFunction" in resolve(**overrides).resources
    assert deploy["capabilities"] == "CAPABILITY_IAM", "no resource of IAM has a name, so no more is needed"


def test_production_asks_before_it_changes(samconfig: dict[str, Any]) -> None:
    """A person reads the change set."""
    confirms = {name: samconfig[name]["deploy"]["parameters"]["confirm_changeset"] for name in ENVIRONMENTS}
    assert confirms == {"default": False, "staging": False, "prod": True}


def test_no_resource_of_iam_has_a_name(template: dict[str, Any]) -> None:
    """Else two stacks collide, and a deployment needs CAPABILITY_NAMED_IAM."""
    for name, resource in template["Resources"].items():
        if resource["Type"].startswith("AWS::IAM::"):
            assert not {"RoleName", "ManagedPolicyName"} & set(resource["Properties"]), name


def test_application_repository_gets_this_version_and_its_files(template: dict[str, Any], root: Path) -> None:
    """Name, version and licence are the project's; the files exist."""
    application = template["Metadata"]["AWS::ServerlessRepo::Application"]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert application["Name"] == project["name"]
    assert application["SemanticVersion"] == project["version"]
    assert application["SpdxLicenseId"] == project["license"]
    assert (root / application["LicenseUrl"]).is_file()
    assert (root / application["ReadmeUrl"]).is_file()
    assert len(application["Labels"]) <= 10
    # "AWS SAM template Metadata section properties"
    assert len(application["Description"]) <= 256
    assert re.fullmatch(r"[a-zA-Z0-9-]{1,140}", application["Name"])
    assert len(application["Author"]) <= 127
    assert re.fullmatch(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", application["Author"])
    assert all(re.fullmatch(r"[a-zA-Z0-9+_:/@-]{1,127}", label) for label in application["Labels"])


def test_a_parameter_more_costs_none_of_the_environments_own() -> None:
    """`make deploy ENVIRONMENT=staging PARAMETERS=…`: sam alone would forget the limit on the pace."""
    assert parameters("staging", ["AlarmTopicArn=arn:aws:sns:eu-west-1:1:on-call", "MaxSendsPerSecond=9"]) == [
        "LogLevel=DEBUG",
        "LogRetentionDays=7",
        "MaximumConcurrency=2",
        "MaxSendsPerSecond=9",
        "AlarmTopicArn=arn:aws:sns:eu-west-1:1:on-call",
    ]
    assert parameters("default", ["Paused=true"]) == ["Paused=true"]


@pytest.mark.parametrize(("environment", "change"), [("production", "Paused=true"), ("prod", "Paused")])
def test_a_wrong_environment_or_parameter_deploys_nothing(environment: str, change: str) -> None:
    """It would be another stack's, or nobody's."""
    with pytest.raises(ValueError, match=r"production|NAME=VALUE"):
        parameters(environment, [change])


def test_no_page_deploys_without_building(root: Path) -> None:
    """`sam deploy` alone takes the sources without what they need, and the default environment's stack."""
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    assert [page.name for page in pages if re.search(r"^ *sam deploy", page.read_text(), re.MULTILINE)] == []
