"""Once only: one DynamoDB item for each idempotency key, and conditional writes that decide who may send.

    begin ──> send ──> finish("accepted" | "unknown")      the item stays for `IdempotencyDays`
                  └──> release                             nothing was sent: the item goes, or what was there comes back

An item is `{pk, state: sending | accepted | unknown, payload, attempt, until, message_id, expires}`. Key and payload
are hashes: nothing of a message is in the table. An attempt that died is a `sending` whose `until` is past.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from message_sender.aws import error_code

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CLOCK_SKEW_SECONDS = 2.0
"""Two instances' clocks may differ: an attempt is taken for dead only so long after its deadline."""
_DAY_SECONDS = 86_400


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
        canonical = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":"))
        return cls(pk, hashlib.sha256(f"{pk}:{canonical}".encode()).hexdigest(), attempt, resend_of)


@dataclass(frozen=True, slots=True)
class Begun:
    """The key is this attempt's: send."""


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

    def begin(self, entry: Entry, now: float, until: float) -> Begun | Found:
        """Claim the key before the request goes out.

        Args:
            entry: the attempt.
            now: epoch seconds.
            until: epoch seconds at which this attempt is certainly over: the function's deadline.
        """
        # Expired but not yet deleted is free too: DynamoDB may take days to delete. Otherwise only an attempt that is
        # over without an outcome can be had, by whoever may send it again.
        over = "payload = :payload AND (#state = :unknown OR (#state = :sending AND #until < :dead))"
        free = "attribute_not_exists(pk) OR expires < :now"
        values = {":now": _number(now), ":dead": _number(now - _CLOCK_SKEW_SECONDS), ":payload": {"S": entry.payload}}
        values |= {":unknown": {"S": "unknown"}, ":sending": {"S": "sending"}}
        names = {"#state": "state", "#until": "until"}
        if self._resend_unknown:
            free = f"{free} OR ({over})"
        elif entry.resend_of:
            free = f"{free} OR (attempt = :resend AND {over})"
            values[":resend"] = {"S": entry.resend_of}
        else:
            names, values = {}, {":now": values[":now"]}
        try:
            self._client.put_item(
                TableName=self._table,
                Item=self._item(entry, now, until),
                ConditionExpression=free,
                ExpressionAttributeValues=values,
                **({"ExpressionAttributeNames": names} if names else {}),  # type: ignore[arg-type]
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except (ClientError, BotoCoreError) as error:
            item = error.response.get("Item") if isinstance(error, ClientError) else None
            if isinstance(item, dict) and item:
                # Our own write, whose answer was lost and which botocore made again?
                own = item["attempt"]["S"] == entry.attempt
                return Begun() if own else self._found(item, entry, now)
            # The write may have been made all the same, also after DynamoDB's own 500. Taking it back keeps a later
            # attempt from finding it dead.
            self._quietly_release(entry)
            raise LedgerUnavailableError(error_code(error)) from None
        return Begun()

    def look(self, entry: Entry, now: float) -> Found | None:
        """Read what is known of the key, without claiming it."""
        try:
            answer = self._client.get_item(TableName=self._table, Key={"pk": {"S": entry.pk}}, ConsistentRead=True)
        except (ClientError, BotoCoreError) as error:
            raise LedgerUnavailableError(error_code(error)) from None
        item = answer.get("Item")
        if not item or float(item["expires"]["N"]) < now:
            return None
        return self._found(item, entry, now)

    def finish_accepted(self, entry: Entry, message_id: str) -> None:
        """Remember that Sociocs took the message."""
        self._update(
            entry, "SET #state = :state, message_id = :id REMOVE #until", "accepted", {":id": {"S": message_id}}
        )

    def finish_unknown(self, entry: Entry) -> None:
        """Remember that nobody knows whether Sociocs took it."""
        self._update(entry, "SET #state = :state REMOVE #until", "unknown", {})

    def release(self, entry: Entry) -> None:
        """Give the key back: this attempt has sent nothing. What was of unknown outcome before is so again."""
        if entry.resend_of:
            restore = "SET #state = :state, attempt = :previous REMOVE #until"
            self._update(entry, restore, "unknown", {":previous": {"S": entry.resend_of}})
            return
        self._write(
            lambda: self._client.delete_item(
                TableName=self._table,
                Key={"pk": {"S": entry.pk}},
                ConditionExpression="attempt = :attempt AND #state = :sending",
                ExpressionAttributeNames={"#state": "state"},
                ExpressionAttributeValues={":attempt": {"S": entry.attempt}, ":sending": {"S": "sending"}},
            )
        )

    def _item(self, entry: Entry, now: float, until: float) -> dict[str, Any]:
        return {
            "pk": {"S": entry.pk},
            "state": {"S": "sending"},
            "payload": {"S": entry.payload},
            "attempt": {"S": entry.attempt},
            "until": _number(until),
            "expires": _number(int(now + self._days * _DAY_SECONDS)),
        }

    def _found(self, item: Mapping[str, Any], entry: Entry, now: float) -> Found:
        state, attempt = item["state"]["S"], item["attempt"]["S"]
        if item["payload"]["S"] != entry.payload:
            return Conflict()
        if state == "accepted":
            return AlreadyAccepted(item["message_id"]["S"])
        left = float(item["until"]["N"]) + _CLOCK_SKEW_SECONDS - now if state == "sending" else -1
        return InProgress(left) if left >= 0 else EarlierUnknown(attempt)

    def _update(self, entry: Entry, expression: str, state: str, values: Mapping[str, Any]) -> None:
        self._write(
            lambda: self._client.update_item(
                TableName=self._table,
                Key={"pk": {"S": entry.pk}},
                UpdateExpression=expression,
                ConditionExpression="attempt = :attempt AND #state = :sending",
                ExpressionAttributeNames={"#state": "state", "#until": "until"},
                ExpressionAttributeValues={
                    ":attempt": {"S": entry.attempt},
                    ":sending": {"S": "sending"},
                    ":state": {"S": state},
                    **values,
                },
            )
        )

    def _write(self, call: Any) -> None:
        try:
            call()
        except (ClientError, BotoCoreError) as error:
            # Not this attempt's any more, or done already by a call whose answer was lost: nothing is left to write.
            if error_code(error) != "ConditionalCheckFailedException":
                raise LedgerUnavailableError(error_code(error)) from None

    def _quietly_release(self, entry: Entry) -> None:
        with contextlib.suppress(LedgerUnavailableError):
            self.release(entry)


def _number(value: float) -> Any:
    return {"N": repr(round(value, 3))}
