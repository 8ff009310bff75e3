"""Write an environment's parameters of samconfig.toml, with others over them, for `sam deploy --parameter-overrides`.

    python tools/parameters.py ENVIRONMENT [NAME=VALUE ...]

`sam deploy` takes its file's list or the command line's: one parameter more would cost all of the file's.
"""

import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

SAMCONFIG = Path(__file__).resolve().parent.parent / "samconfig.toml"


def parameters(environment: str, changes: Sequence[str], samconfig: Path = SAMCONFIG) -> list[str]:
    """Return `NAME=VALUE` for each parameter, the later of two of one name.

    Raises:
        ValueError: there is no such environment, or a change is not `NAME=VALUE`.
    """
    config = tomllib.loads(samconfig.read_text(encoding="utf-8"))
    if not isinstance(config.get(environment), dict):
        raise ValueError(f"samconfig.toml has no environment {environment}")
    own = config[environment]["deploy"]["parameters"].get("parameter_overrides", [])
    values: dict[str, str] = {}
    for text in (*own, *changes):
        name, separator, value = text.partition("=")
        if not separator or not name.isalnum() or any(map(str.isspace, value)):  # no parameter takes a space
            raise ValueError(f"{text} is not NAME=VALUE")
        values[name] = value
    return [f"{name}={value}" for name, value in values.items()]


def main() -> None:
    """Print them on one line."""
    environment, *changes = sys.argv[1:] or ["default"]
    try:
        print(" ".join(parameters(environment, changes)))
    except ValueError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
