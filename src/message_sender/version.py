"""The version of the function, as `pyproject.toml` and the template's output say it."""

VERSION = "0.1.0"
