"""What the function says when its environment is not right."""

import pytest
from pydantic import ValidationError

from message_sender.settings import Settings


def test_every_wrong_variable_is_named_and_no_value_is_shown() -> None:
    """The error is logged, and the environment holds the role's credentials."""
    environment = {
        "AWS_SECRET_ACCESS_KEY": "planted-secret",
        "SOCIOCS_BASE_URL": "planted-url",
        "SEND_CONCURRENCY": "planted-number",
    }

    with pytest.raises(ValidationError) as found:
        Settings.from_environment(environment)

    said = str(found.value)
    for name in ("SOCIOCS_BASE_URL", "SEND_CONCURRENCY", "API_KEY_SECRET_ARN", "LEDGER_TABLE_NAME"):
        assert name in said
    assert "planted" not in said
