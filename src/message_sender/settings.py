"""The function's environment, read once into one frozen and validated value."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, UrlConstraints

_Url = Annotated[AnyHttpUrl, UrlConstraints(allowed_schemes=["http", "https"])]


class Settings(BaseModel):
    """What the template tells the function. Each field is the environment variable of the same name in upper case."""

    # The error of a wrong value is logged, and the environment holds credentials.
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=str.upper, hide_input_in_errors=True)

    sociocs_base_url: _Url
    """Base of the API; `/message` is appended. Another URL is how tests and the sandbox stand in for it."""
    api_key_secret_arn: str = Field(min_length=1)
    ledger_table_name: str = Field(min_length=1)
    message_queue_url: str = Field(min_length=1)
    dead_letter_queue_url: str = Field(min_length=1)
    outcome_event_bus_name: str = ""
    """Name or ARN of the bus for outcome events; empty turns them off."""
    unknown_outcome: Literal["dead-letter", "retry"] = "dead-letter"
    idempotency_days: int = Field(default=19, ge=1)
    maximum_retry_hours: float = Field(default=24, gt=0)
    maximum_receive_count: int = Field(default=200, ge=2)
    """`maxReceiveCount` of the queue's redrive policy: past it SQS moves a message without a reason."""
    message_retention_hours: float = Field(default=96, gt=0)
    """How long MessageQueue keeps a message: past it SQS deletes the message."""
    send_concurrency: int = Field(default=10, ge=1, le=64)
    max_sends_per_second: float = Field(default=0, ge=0)
    """Over all instances of the function; 0 means no limit."""
    maximum_concurrency: int = Field(default=5, ge=1)
    """Instances that the event source mapping may use at once: each takes its share of the pace."""
    connect_timeout_seconds: float = Field(default=3.05, gt=0)
    read_timeout_seconds: float = Field(default=20, gt=0)
    """For the whole answer, from the last byte of the request to the last byte of the answer."""
    api_key_max_age_seconds: int = Field(default=300, ge=0)

    @property
    def message_url(self) -> str:
        """The URL of "Send message"."""
        return f"{str(self.sociocs_base_url).rstrip('/')}/message"

    @property
    def attempt_seconds(self) -> float:
        """What one request may take: connecting with TLS, handing the request over, the answer."""
        return 2 * self.connect_timeout_seconds + self.read_timeout_seconds

    @property
    def sends_per_second(self) -> float:
        """This instance's share of `max_sends_per_second`; 0 means no limit."""
        return self.max_sends_per_second / self.maximum_concurrency

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Read the settings.

        Raises:
            pydantic.ValidationError: naming every variable that is missing or out of bounds.
        """
        return cls.model_validate(dict(environment))


ENVIRONMENT_NAMES = frozenset(name.upper() for name in Settings.model_fields)
"""Every environment variable that the function reads itself; the template sets each of them."""
