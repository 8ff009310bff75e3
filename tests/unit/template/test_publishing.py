"""samconfig.toml and the metadata for the Serverless Application Repository agree with the template and the project."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def samconfig(root: Path) -> dict[str, Any]:
    """samconfig.toml."""
    return tomllib.loads((root / "samconfig.toml").read_text(encoding="utf-8"))


ENVIRONMENTS = ["default", "staging", "prod"]


def test_there_are_three_environments_with_different_stacks(samconfig: dict[str, Any]) -> None:
    """A deployment of one environment does not change another."""
    environments = {name: value for name, value in samconfig.items() if name != "version"}
    assert list(environments) == ENVIRONMENTS
    stacks = [value["global"]["parameters"]["stack_name"] for value in environments.values()]
    assert stacks[0] == "sociocs-message-sender"
    assert len(set(stacks)) == len(stacks)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_parameters_of_each_environment_are_the_templates(
    samconfig: dict[str, Any], resolve: Any, environment: str
) -> None:
    """A renamed parameter or a value out of bounds fails here and not in a deployment."""
    deploy = samconfig[environment]["deploy"]["parameters"]
    overrides = dict(item.split("=", 1) for item in deploy.get("parameter_overrides", []))
    assert "SendMessageFunction" in resolve(**overrides).resources
    assert deploy["capabilities"] == "CAPABILITY_IAM", "no IAM resource has a fixed name"


def test_production_asks_before_it_changes(samconfig: dict[str, Any]) -> None:
    """Only the environment prod asks a person to confirm the change set."""
    confirms = {name: samconfig[name]["deploy"]["parameters"]["confirm_changeset"] for name in ENVIRONMENTS}
    assert confirms == {"default": False, "staging": False, "prod": True}


def test_no_resource_of_iam_has_a_name(template: dict[str, Any]) -> None:
    """With fixed names, two stacks would collide, and a deployment would need CAPABILITY_NAMED_IAM."""
    for name, resource in template["Resources"].items():
        if resource["Type"].startswith("AWS::IAM::"):
            assert not {"RoleName", "ManagedPolicyName"} & set(resource["Properties"]), name


def test_application_repository_gets_this_version_and_its_files(template: dict[str, Any], root: Path) -> None:
    """Name, version and licence are those of the project, and the named files exist."""
    application = template["Metadata"]["AWS::ServerlessRepo::Application"]
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert application["Name"] == project["name"]
    assert application["SemanticVersion"] == project["version"] == template["Outputs"]["Version"]["Value"]
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


def test_no_page_deploys_without_building(root: Path) -> None:
    """No page shows `sam deploy` alone, which would deploy the sources without their dependencies."""
    pages = [root / "README.md", *(root / "docs").glob("*.md")]
    assert [page.name for page in pages if re.search(r"^ *sam deploy", page.read_text(), re.MULTILINE)] == []
