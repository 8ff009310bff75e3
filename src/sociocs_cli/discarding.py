"""Find dead letters by name, and delete exactly those that were found."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sociocs_cli.letters import Letter
from sociocs_cli.looking import look
from sociocs_cli.queue import delete_batch
from sociocs_cli.reading import Reader
from sociocs_cli.signals import undisturbed
from sociocs_cli.stack import Stack
from sociocs_cli.summaries import Summary
from sociocs_cli.text import printable, timestamp


@dataclass(frozen=True, slots=True)
class Named:
    """What is shown of a letter that somebody named."""

    summary: Summary
    recipient: str
    """The end of the number."""

    @classmethod
    def of(cls, letter: Letter) -> "Named":
        """Take it from a letter."""
        return cls(Summary.of(letter), letter.masked_recipient)

    def words(self) -> str:
        """Write it in one line."""
        found = self.summary
        parts = [found.id, found.code, found.key or "without a key", f"first seen {timestamp(found.first_seen)}"]
        if found.attempted_at:
            parts.append(f"attempted at {timestamp(found.attempted_at)}")
        return printable("  ".join((*parts, f"to {self.recipient}")))

    def row(self) -> dict[str, str | None]:
        """Write it for programs."""
        found = self.summary
        return {
            "id": found.id,
            "code": found.code,
            "idempotency_key": found.key,
            "first_seen": timestamp(found.first_seen),
            "attempted_at": timestamp(found.attempted_at) if found.attempted_at else None,
            "recipient": self.recipient,
        }


@dataclass
class Discarded:
    """What became of the letters. It is noted at once, so that it is right also after an interruption."""

    discarded: list[Named] = field(default_factory=list)
    failed: list[Named] = field(default_factory=list)
    """Not deleted, or SQS did not say."""


def find(stack: Stack, names: Collection[str]) -> tuple[list[Named], int]:
    """Look for letters by id or key. None of them stays hidden. Also how many letters could not be read."""
    found: list[Named] = []

    def note(_reader: Reader, letters: Sequence[Letter]) -> bool:
        found.extend(Named.of(letter) for letter in letters if letter.id in names or letter.key in names)
        return False

    return found, look(stack, "Looking for them", note).unseen


def delete(stack: Stack, chosen: Mapping[str, Named], report: Discarded) -> None:
    """Delete letters by id. Another letter that has the same key meanwhile is not deleted."""

    def delete_some(reader: Reader, letters: Sequence[Letter]) -> bool:
        there = [letter for letter in letters if letter.id in chosen]
        if there:
            with undisturbed():
                _delete_batch(stack, reader, there, chosen, report)
        return len(report.discarded) + len(report.failed) == len(chosen)

    look(stack, "Discarding", delete_some)


def _delete_batch(
    stack: Stack, reader: Reader, there: Sequence[Letter], chosen: Mapping[str, Named], report: Discarded
) -> None:
    try:
        left = delete_batch(stack.sqs, there[0].queue_url, [letter.receipt for letter in there])
    except BaseException:  # also the second Ctrl-C
        report.failed += (chosen[letter.id] for letter in there)
        raise
    for position, letter in enumerate(there):
        if position in left:
            report.failed.append(chosen[letter.id])
        else:
            report.discarded.append(chosen[letter.id])
            reader.remove(letter)
