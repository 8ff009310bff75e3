"""Once only: one DynamoDB item for each idempotency key, and conditional writes that decide who may send.

    begin ──> send ──> finish as accepted or unknown       the item stays for `IdempotencyDays`
                  └──> postpone                            nothing was sent: the key is free for the next try
                  └──> release                             nothing was sent and nothing will be: the item goes

An item is `{pk, state: sending | accepted | unknown | waiting, payload, attempt, attempted, until, tried_since,
message_id, expires}`. Key and payload are hashes: nothing of a message is in the table. An attempt that died is a
`sending` whose `until` is past.
"""

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from message_sender.aws import AWS_ERRORS, error_code
from message_sender.contract.strict_json import canonical

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_CLOCK_SKEW_SECONDS = 2.0
"""Two instances' clocks may differ: an attempt is taken for dead only so long after its deadline."""
_DAY_SECONDS = 86_400
MOST_LEFT_OVER = 1000
"""Keys that wait to be freed, of one instance. In an outage of DynamoDB no more attempts than these begin."""


class LedgerUnavailableError(Exception):
    """DynamoDB did not do what it was asked. Holds the error's code, nothing else."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What one attempt is about."""

    pk: str
    """Hash of the idempotency key."""
    payload: str
    """Hash of the message, salted with the key."""
    attempt: str
    """Id of this attempt; only it may finish or release what it began."""
    resend_of: str | None = None
    """The attempt of unknown outcome that a person decided to send again."""

    @classmethod
    def of(cls, key: str, body: bytes, attempt: str, resend_of: str | None = None) -> "Entry":
        """Make the entry of a key and the JSON that would be sent. Spelling and order of the JSON do not matter."""
        pk = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        same = canonical(body.decode())
        return cls(pk, hashlib.sha256(f"{pk}:{same}".encode()).hexdigest(), attempt, resend_of)


@dataclass(frozen=True, slots=True)
class Begun:
    """The key is this attempt's: send."""

    tried_since: float
    """When the message was first really tried, epoch seconds: by this attempt, or by an earlier one."""
    replaced_attempted_at: float | None = None
    """When the attempt that is sent again was made, epoch seconds."""


@dataclass(frozen=True, slots=True)
class AlreadyAccepted:
    """An earlier attempt was accepted."""

    message_id: str


@dataclass(frozen=True, slots=True)
class InProgress:
    """Another attempt is under way, and over in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Conflict:
    """The key belongs to another message."""


@dataclass(frozen=True, slots=True)
class EarlierUnknown:
    """An earlier attempt may or may not have sent it."""

    attempt: str
    attempted_at: float | None
    """Epoch seconds."""


Found = AlreadyAccepted | InProgress | Conflict | EarlierUnknown


class Ledger:
    """The table. Every method raises LedgerUnavailableError when DynamoDB cannot be asked."""

    def __init__(self, client: "DynamoDBClient", table: str, days: int, *, resend_unknown: bool) -> None:
        """Wire the ledger.

        Args:
            client: with timeouts well below the function's.
            table: name of the table, partition key `pk`, time to live in `expires`.
            days: how long a finished key is remembered.
            resend_unknown: an attempt of unknown outcome may be sent again (`UnknownOutcome=retry`).
        """
        self._client, self._table, self._days, self._resend_unknown = client, table, days, resend_unknown
        self._left_over: dict[str, Callable[[], None]] = {}
        """By attempt: keys that could not be freed yet."""
        self._lock = threading.Lock()

    # --- before the send --------------------------------------------------------------------------------------------

    def begin(self, entry: Entry, now: float, until: float) -> Begun | Found:
        """Claim the key before the request goes out.

        Args:
            entry: the attempt.
            now: epoch seconds.
            until: epoch seconds at which this attempt is certainly over: the function's deadline.
        """
        first, last = self._resendable(entry)
        try:
            answer = self._client.put_item(
                TableName=self._table,
                Item=self._item(entry, now, until),
                ConditionExpression=f"{_FREE} OR ({_RESENDABLE})",
                ExpressionAttributeNames={"#state": "state", "#until": "until"},
                ExpressionAttributeValues={
                    ":now": _number(now),
                    ":dead": _number(now - _CLOCK_SKEW_SECONDS),
                    ":payload": {"S": entry.payload},
                    ":first": {"S": first},
                    ":last": {"S": last},
                    ":waiting": {"S": "waiting"},
                    ":sending": {"S": "sending"},
                    ":unknown": {"S": "unknown"},
                },
                ReturnValues="ALL_OLD",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except AWS_ERRORS as error:
            item = error.response.get("Item") if isinstance(error, ClientError) else None
            if isinstance(item, dict) and item:
                # Our own write, whose answer was lost and which botocore made again?
                own = item["attempt"]["S"] == entry.attempt
                return Begun(now) if own else _found(item, entry, now)
            # DynamoDB may have made the write all the same, also before its own 500. A later attempt must not find a
            # dead one here: nothing was sent.
            self.release(entry, Begun(now))
            raise LedgerUnavailableError(error_code(error)) from None
        return _begun(answer.get("Attributes", {}), entry, now)

    def _resendable(self, entry: Entry) -> tuple[str, str]:
        """Return the first and the last id of the attempts that may be sent again. Ids are hexadecimal."""
        if self._resend_unknown:
            return "0", "g"
        return (entry.resend_of, entry.resend_of) if entry.resend_of else (" ", " ")

    def look(self, entry: Entry, now: float) -> Found | None:
        """Read what is known of the key, without claiming it."""
        try:
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": entry.pk}}, ConsistentRead=True)
        except AWS_ERRORS as error:
            raise LedgerUnavailableError(error_code(error)) from None
        item = answer.get("Item")
        if not item or float(item["expires"]["N"]) < now or item["state"]["S"] == "waiting":
            return None
        return _found(item, entry, now)

    # --- after the send ---------------------------------------------------------------------------------------------

    def finish_accepted(self, entry: Entry, message_id: str) -> None:
        """Remember that Sociocs took the message."""
        self._update(entry, "SET #state = :state, message_id = :id REMOVE #until", "accepted", id=message_id)

    def finish_unknown(self, entry: Entry) -> None:
        """Remember that nobody knows whether Sociocs took it."""
        self._update(entry, "SET #state = :state REMOVE #until", "unknown")

    def postpone(self, entry: Entry, begun: Begun) -> None:
        """Free the key for the next try: this attempt has sent nothing. What is unknown of an earlier one stays so."""
        if entry.resend_of:
            self._free(entry, lambda: self._restore_unknown(entry, begun))
        else:
            self._free(entry, lambda: self._wait(entry, begun.tried_since))

    def release(self, entry: Entry, begun: Begun) -> None:
        """Free the key: this attempt has sent nothing. What is unknown of an earlier one stays so."""
        self._free(entry, lambda: self._restore_unknown(entry, begun) if entry.resend_of else self._delete(entry))

    def _free(self, entry: Entry, write: Callable[[], None]) -> None:
        """Free a key, now or later. Until then the next delivery would take this attempt for one that died."""
        try:
            write()
        except LedgerUnavailableError:
            with self._lock:
                self._left_over[entry.attempt] = write

    @property
    def is_clogged(self) -> bool:
        """Whether so many keys wait to be freed that nothing more is to begin."""
        return len(self._left_over) >= MOST_LEFT_OVER

    def free_left_over(self) -> int:
        """Try again to free the keys that could not be freed; return how many are left. Stops at the first failure."""
        while self._left_over:
            with self._lock:
                attempt, write = next(iter(self._left_over.items()))
            try:
                write()
            except LedgerUnavailableError:
                break
            with self._lock:
                self._left_over.pop(attempt, None)
        return len(self._left_over)

    # --- writing ----------------------------------------------------------------------------------------------------

    def _item(self, entry: Entry, now: float, until: float) -> "dict[str, AttributeValueTypeDef]":
        return {
            "pk": {"S": entry.pk},
            "state": {"S": "sending"},
            "payload": {"S": entry.payload},
            "attempt": {"S": entry.attempt},
            "attempted": _number(now),
            "until": _number(until),
            "expires": _number(int(now + self._days * _DAY_SECONDS)),
        }

    def _wait(self, entry: Entry, tried_since: float) -> None:
        set_ = "SET #state = :state, tried_since = :since REMOVE #until"
        self._update(entry, set_, "waiting", since=tried_since)

    def _restore_unknown(self, entry: Entry, begun: Begun) -> None:
        set_ = "SET #state = :state, attempt = :previous"
        if begun.replaced_attempted_at is None:
            self._update(entry, f"{set_} REMOVE #until", "unknown", previous=entry.resend_of or "")
        else:
            at = begun.replaced_attempted_at
            set_ = f"{set_}, attempted = :at REMOVE #until"
            self._update(entry, set_, "unknown", previous=entry.resend_of or "", at=at)

    def _delete(self, entry: Entry) -> None:
        self._write(
            lambda: self._client.delete_item(
                TableName=self._table,
                Key={"pk": {"S": entry.pk}},
                ConditionExpression="attempt = :attempt AND #state = :sending",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":attempt": {"S": entry.attempt}, ":sending": {"S": "sending"}},
            )
        )

    def _update(self, entry: Entry, expression: str, state: str, **values: str | float) -> None:
        """Write how this attempt ended, if the item is still this attempt's."""
        given: dict[str, AttributeValueTypeDef] = {
            f":{name}": {"S": value} if isinstance(value, str) else _number(value) for name, value in values.items()
        }
        own: dict[str, AttributeValueTypeDef] = {
            ":attempt": {"S": entry.attempt},
            ":sending": {"S": "sending"},
            ":state": {"S": state},
        }
        self._write(
            lambda: self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": entry.pk}},
                UpdateExpression=expression,
                ConditionExpression="attempt = :attempt AND #state = :sending",
                ExpressionAttributeNames={"#state": "state", "#until": "until"},
                ExpressionAttributeValues=own | given,
            )
        )

    def _write(self, call: Callable[[], object]) -> None:
        try:
            call()
        except AWS_ERRORS as error:
            # Not this attempt's any more, or done already by a call whose answer was lost: nothing is left to write.
            if error_code(error) != "ConditionalCheckFailedException":
                raise LedgerUnavailableError(error_code(error)) from None


_FREE = "attribute_not_exists(pk) OR expires < :now OR #state = :waiting"
"""DynamoDB may take days to delete what has expired."""
_RESENDABLE = (
    "payload = :payload AND attempt BETWEEN :first AND :last AND "
    "(#state = :unknown OR (#state = :sending AND #until < :dead))"
)
"""The earlier attempt is of the same message, ended without a known outcome, and may be sent again."""


def _found(item: Mapping[str, Any], entry: Entry, now: float) -> Found:  # Any: DynamoDB's typed values
    if item["payload"]["S"] != entry.payload:
        return Conflict()
    state = item["state"]["S"]
    if state == "accepted":
        return AlreadyAccepted(item["message_id"]["S"])
    left = float(item["until"]["N"]) + _CLOCK_SKEW_SECONDS - now if state == "sending" else -1
    if left >= 0:
        return InProgress(left)
    return EarlierUnknown(item["attempt"]["S"], float(item["attempted"]["N"]) if "attempted" in item else None)


def _begun(replaced: Mapping[str, Any], entry: Entry, now: float) -> Begun:  # Any: DynamoDB's typed values
    """Return what this attempt has to know of the item that its own has replaced."""
    if not replaced or replaced["payload"]["S"] != entry.payload:
        return Begun(now)
    since = float(replaced["tried_since"]["N"]) if "tried_since" in replaced else now
    return Begun(min(now, since), float(replaced["attempted"]["N"]) if "attempted" in replaced else None)


def _number(value: float) -> "AttributeValueTypeDef":
    return {"N": repr(round(value, 3))}
