"""The function's settings, as far as a test that needs no AWS has to give them."""

from message_sender.settings import Settings

REQUIRED = {
    "SOCIOCS_BASE_URL": "http://127.0.0.1:1",
    "API_KEY_SECRET_ARN": "secret",
    "LEDGER_TABLE_NAME": "table",
    "MESSAGE_QUEUE_URL": "queue",
    "DEAD_LETTER_QUEUE_URL": "dead",
}
"""The variables that have no default."""


def function_settings(**changes: str) -> Settings:
    """Make settings; names in lower case."""
    return Settings.from_environment(REQUIRED | {name.upper(): value for name, value in changes.items()})
