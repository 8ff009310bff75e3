"""What became of one message, as frozen values. An exception means a bug or an outage, never an outcome."""

from dataclasses import dataclass
from enum import StrEnum


class ErrorCode(StrEnum):
    """Why a message was not accepted. docs/operations.md says of each what it means and what to do."""

    INVALID_MESSAGE = "INVALID_MESSAGE"
    EXPIRED = "EXPIRED"
    IDEMPOTENCY_CONFLICT = "IDEMPOTENCY_CONFLICT"
    API_REJECTED = "API_REJECTED"
    API_UNAUTHORIZED = "API_UNAUTHORIZED"
    API_MISCONFIGURED = "API_MISCONFIGURED"
    API_THROTTLED = "API_THROTTLED"
    API_UNAVAILABLE = "API_UNAVAILABLE"
    API_UNREACHABLE = "API_UNREACHABLE"
    DEPENDENCY_UNAVAILABLE = "DEPENDENCY_UNAVAILABLE"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    IN_PROGRESS = "IN_PROGRESS"
    NOT_ATTEMPTED = "NOT_ATTEMPTED"
    RETRIES_EXHAUSTED = "RETRIES_EXHAUSTED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Sociocs took the message. It does not say that the recipient got it."""

    message_id: str
    """Sociocs's id of the message."""
    duplicate: bool = False
    """An earlier delivery with the same key was accepted; this one made no call."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Permanent: trying again cannot help. Goes to the dead-letter queue."""

    code: ErrorCode
    reason: str
    """For people; holds no value of the message."""
    last_code: ErrorCode | None = None
    """With `RETRIES_EXHAUSTED`: why the last attempt failed."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Temporary: the message goes back to the queue and is tried again later."""

    code: ErrorCode
    reason: str
    retry_after: float | None = None
    """Not to be tried again for so many seconds, when somebody said so."""
    tried_since: float | None = None
    """When the message was first really tried, epoch seconds, when the ledger knows."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The request may or may not have been accepted. A person decides, so it goes to the dead-letter queue."""

    reason: str
    attempt: str = ""
    """Id of the attempt that ended so."""
    attempted_at: float | None = None
    """When that attempt was made, epoch seconds: where a person has to look in Sociocs."""
    earlier: bool = False
    """It is an earlier delivery's attempt, found in the ledger; this one made no call."""

    @property
    def code(self) -> ErrorCode:
        """Always `OUTCOME_UNKNOWN`."""
        return ErrorCode.OUTCOME_UNKNOWN


Outcome = Accepted | Rejected | Deferred | Unknown


class Route(StrEnum):
    """Where a delivery went."""

    ACKNOWLEDGED = "acknowledged"
    DEAD_LETTERED = "dead-lettered"
    RETURNED = "returned"
    """Back in the queue; with a direct invocation: put on the queue."""
    STRANDED = "stranded"
    """Could not be written where it belongs. From the queue it stays there; a direct invocation fails as a whole."""
