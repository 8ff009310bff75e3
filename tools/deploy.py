"""Build and deploy the stack with `sam`: `python tools/deploy.py ENVIRONMENT [NAME=VALUE ...]` (make deploy).

ENVIRONMENT is a section of samconfig.toml. The parameters on the command line are added to those of the section. `sam`
itself would replace them, would ignore unknown names, and would drop empty values.
"""

import difflib
import os
import re
import shlex
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import ProfileNotFound
from botocore.session import Session

ROOT = Path(__file__).resolve().parent.parent
SAM = ROOT / ".tools" / "sam" / "bin" / "sam"


class DeployError(Exception):
    """The deployment cannot start. The message says what to change."""


def section(environment: str, root: Path = ROOT) -> dict[str, Any]:
    """Return the values for `sam deploy` of an environment in samconfig.toml.

    Raises:
        DeployError: samconfig.toml has no such environment.
    """
    config = tomllib.loads((root / "samconfig.toml").read_text(encoding="utf-8"))
    found = config.get(environment)
    if not isinstance(found, dict):
        names = ", ".join(name for name in config if name != "version")
        raise DeployError(f"samconfig.toml has no environment {environment}, only {names}")
    return {**found.get("global", {}).get("parameters", {}), **found.get("deploy", {}).get("parameters", {})}


def parameters(own: object, changes: Sequence[str], template: str) -> dict[str, str]:
    """Return the values of the template's parameters: those of samconfig.toml, and then the changes.

    Args:
        own: `parameter_overrides` of samconfig.toml: a list, a table, or the string that `sam deploy --guided` saves.
        changes: `NAME=VALUE` from the command line. A value may be empty.
        template: the text of template.yaml.

    Raises:
        DeployError: a word is not `NAME=VALUE`, or the template has no parameter of that name.
    """
    section_text = re.split(r"^\w+:\n", template.partition("\nParameters:\n")[2], maxsplit=1, flags=re.MULTILINE)[0]
    known = re.findall(r"^  (\w+):$", section_text, re.MULTILINE)
    values: dict[str, str] = {}
    for name, value, where in (*_from_samconfig(own), *_pairs(changes, "PARAMETERS")):
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f" Did you mean {near[0]}?" if near else ""
            raise DeployError(f"{where}: template.yaml has no parameter {name}.{hint}")
        values[name] = value
    return values


def _from_samconfig(own: object) -> Iterable[tuple[str, str, str]]:
    where = "samconfig.toml"
    if isinstance(own, Mapping):
        return [(str(name), str(value), where) for name, value in own.items()]
    texts = own if isinstance(own, list) else [own or ""]
    return _pairs([word for text in texts for word in shlex.split(str(text))], where)


def _pairs(words: Iterable[str], where: str) -> Iterable[tuple[str, str, str]]:
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name.isalnum():
            raise DeployError(f"{where}: {word} is not NAME=VALUE")
        yield name, value, where


def region_of(values: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """Return the region: of samconfig.toml, of AWS_REGION or AWS_DEFAULT_REGION, or of the profile.

    Raises:
        DeployError: there is none, or the profile does not exist.
    """
    named = values.get("region") or variables.get("AWS_REGION") or variables.get("AWS_DEFAULT_REGION")
    try:
        region = named or Session(profile=values.get("profile")).get_scoped_config().get("region")
    except ProfileNotFound as error:
        raise DeployError(str(error)) from None
    if not region:
        raise DeployError("there is no AWS region: set AWS_REGION, or a region in the profile (aws configure)")
    return str(region)


def deploy(environment: str, changes: Sequence[str], *, root: Path = ROOT, sam: Path = SAM) -> int:
    """Check the parameters and the region, build, and deploy. Return the exit code of `sam`.

    Raises:
        DeployError: the deployment cannot start. Nothing was built.
    """
    values = section(environment, root)
    template = (root / "template.yaml").read_text(encoding="utf-8")
    chosen = parameters(values.get("parameter_overrides"), changes, template)
    # sam does not read AWS_REGION. An empty AWS_DEFAULT_REGION would make it build addresses without a region.
    variables = {**os.environ, "AWS_DEFAULT_REGION": region_of(values, os.environ), "SAM_CLI_TELEMETRY": "0"}
    variables["PYTHON"] = sys.executable  # for tools/Makefile
    with tempfile.TemporaryDirectory() as folder:
        # In a file, empty values and special characters need no quotes.
        file = Path(folder, "parameters.toml")
        file.write_text("".join(f"{name} = {_toml(value)}\n" for name, value in chosen.items()), encoding="utf-8")
        overrides = ["--parameter-overrides", f"file://{file}"] if chosen else []
        for command in (["build"], ["deploy", *overrides]):
            done = subprocess.run(
                [sam, command[0], "--config-env", environment, *command[1:]], cwd=root, env=variables, check=False
            )
            if done.returncode != 0:
                return done.returncode
    return 0


def _toml(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def main() -> None:
    """Deploy, and end with the exit code of `sam`."""
    environment, *changes = sys.argv[1:] or ["default"]
    try:
        sys.exit(deploy(environment, changes))
    except DeployError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
