"""A fake dead-letter queue with its own clock. Each call takes a time that the test sets."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

START = datetime(2026, 11, 24, 10, tzinfo=UTC)


@dataclass
class Letter:
    """One message on the queue."""

    body: str
    attributes: dict[str, str]
    visible_at: float = 0.0
    receipt: str = ""
    written_at: float = -3600.0


@dataclass
class SlowQueue:
    """The SQS calls that the command makes, for one dead-letter queue. `sent` has the bodies of all sent messages."""

    receive_seconds: float = 0.0
    change_seconds: float = 0.0
    counted_more: int = 0
    """The number that SQS counts too many, because its numbers are approximate."""
    now: float = 0.0
    letters: dict[str, Letter] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    @classmethod
    def with_codes(cls, *codes: str, **options: Any) -> "SlowQueue":
        """Return a queue with one letter for each code."""
        found = cls(**options)
        for number, code in enumerate(codes, 1):
            attributes = {"ERROR_CODE": code, "IDEMPOTENCY_KEY": f"key-{number}"}
            found.letters[f"id-{number}"] = Letter(f"letter {number}", attributes)
        return found

    def monotonic(self) -> float:
        """Return the time of the queue's clock."""
        return self.now

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        """Count the letters."""
        self.calls.append("count")
        visible = sum(letter.visible_at <= self.now for letter in self.letters.values())
        date = format_datetime(START, usegmt=True)
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": str(visible + self.counted_more),
                "ApproximateNumberOfMessagesNotVisible": str(len(self.letters) - visible),
                "ApproximateNumberOfMessagesDelayed": "0",
                "MessageRetentionPeriod": "1209600",
            },
            "ResponseMetadata": {"HTTPHeaders": {"date": date}},
        }

    def receive_message(self, *, VisibilityTimeout: int, MaxNumberOfMessages: int, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto3's names
        """Return visible letters, the oldest first, which is the worst order that SQS may choose."""
        self.calls.append("receive")
        found = [(id_, letter) for id_, letter in self.letters.items() if letter.visible_at <= self.now]
        found = found[:MaxNumberOfMessages]
        for _id, letter in found:
            letter.visible_at = self.now + VisibilityTimeout
            letter.receipt = f"{_id} at {self.now} in {len(self.calls)}"
        self.now += self.receive_seconds
        return {"Messages": [self._received(id_, letter) for id_, letter in found]}

    def change_message_visibility_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        """Change the visibility of each letter whose receipt is still valid."""
        self.calls.append("change")
        assert 0 < len(Entries) <= 10
        self.now += self.change_seconds
        for entry in Entries:
            letter = self._with(entry["ReceiptHandle"])
            if letter and letter.visible_at > self.now:
                letter.visible_at = self.now + entry["VisibilityTimeout"]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def send_message_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        """Accept every entry."""
        self.calls.append("send")
        self.sent += [entry["MessageBody"] for entry in Entries]
        return {"Successful": [{"Id": entry["Id"], "MessageId": "new"} for entry in Entries]}

    def delete_message_batch(self, *, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        """Delete every entry."""
        self.calls.append("delete")
        for entry in Entries:
            del self.letters[entry["ReceiptHandle"].split()[0]]
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries]}

    def _with(self, receipt: str) -> Letter | None:
        return next((letter for letter in self.letters.values() if letter.receipt == receipt), None)

    def _received(self, id_: str, letter: Letter) -> dict[str, Any]:
        return {
            "MessageId": id_,
            "ReceiptHandle": letter.receipt,
            "Body": letter.body,
            "Attributes": {"SentTimestamp": str(int((START.timestamp() + letter.written_at) * 1000))},
            "MessageAttributes": {n: {"DataType": "String", "StringValue": v} for n, v in letter.attributes.items()},
        }
