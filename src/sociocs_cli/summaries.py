"""What a list says of dead letters: one line for each letter, and one line for each code."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sociocs_cli.letters import Letter
from sociocs_cli.looking import look
from sociocs_cli.reading import Reader
from sociocs_cli.stack import Stack
from sociocs_cli.text import timestamp


@dataclass(frozen=True, slots=True)
class Summary:
    """What the list says of one letter. Its body is not kept."""

    id: str
    code: str
    source: str
    key: str | None
    first_seen: datetime
    written_at: datetime
    """SQS's SentTimestamp. Its retention counts from this moment."""
    attempted_at: datetime | None
    """When an attempt of unknown outcome was made."""
    reason: str

    @classmethod
    def of(cls, letter: Letter) -> "Summary":
        """Take it from a letter."""
        moments = (letter.first_seen, letter.written_at, letter.attempted_at)
        return cls(letter.id, letter.code, letter.source, letter.key, *moments, letter.reason)

    def row(self) -> dict[str, str | None]:
        """Write it for programs."""
        return {
            "id": self.id,
            "code": self.code,
            "source": self.source,
            "key": self.key,
            "first_seen": timestamp(self.first_seen),
            "attempted_at": timestamp(self.attempted_at) if self.attempted_at else None,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class CodeCount:
    """How many letters have one code."""

    code: str
    number: int
    oldest: datetime
    """When the first of them was first seen."""

    def row(self) -> dict[str, str | int]:
        """Write it for programs."""
        return {"code": self.code, "count": self.number, "oldest": timestamp(self.oldest)}


@dataclass(frozen=True, slots=True)
class Summaries:
    """All dead letters of a stack, the oldest first."""

    letters: Sequence[Summary]
    unseen: int
    """How many could not be read."""
    read_at: datetime
    """When the look began, by SQS's clock in whole seconds."""

    @property
    def first_written_at(self) -> datetime | None:
        """When SQS took the letter that it deletes first; None when there is no letter."""
        return min((letter.written_at for letter in self.letters), default=None)

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.letters) + self.unseen


def summarize(stack: Stack) -> Summaries:
    """Look at every dead letter of a stack."""
    found: list[Summary] = []

    def note(_reader: Reader, letters: Sequence[Letter]) -> bool:
        found.extend(map(Summary.of, letters))
        return False

    looked = look(stack, "Reading dead letters", note)
    return Summaries(sorted(found, key=lambda summary: summary.first_seen), looked.unseen, looked.began)


def by_code(letters: Iterable[Summary]) -> list[CodeCount]:
    """Count letters by code, the most frequent first."""
    counted: Counter[str] = Counter()
    oldest: dict[str, datetime] = {}
    for letter in letters:
        counted[letter.code] += 1
        oldest[letter.code] = min(letter.first_seen, oldest.get(letter.code, letter.first_seen))
    return [CodeCount(code, number, oldest[code]) for code, number in counted.most_common()]
