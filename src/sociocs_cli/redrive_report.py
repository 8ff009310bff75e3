"""What a redrive did, in words and for programs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sociocs_cli.reading import UNSEEN
from sociocs_cli.text import count, printable


@dataclass
class Report:
    """What a redrive did. It is counted at once, so that it is right also after an interruption."""

    returned: Counter[str] = field(default_factory=Counter)
    """By code: sent back, or with a dry run would be."""
    stayed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By code and reason: chosen, and not sent back."""
    failed: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By code and error: refused by SQS; still a dead letter."""
    not_chosen: Counter[str] = field(default_factory=Counter)
    undeleted: int = 0
    """Sent back, and still a dead letter too: the next run sends it again, the function does not."""
    newer: int = 0
    """Chosen, and written since the run began or in the same second: left for the next run."""
    not_found: list[str] = field(default_factory=list)
    """Ids or keys that were named, and that no letter has."""
    unseen: int = 0
    """Could not be read: another reader's, or behind others of their message group."""

    def row(self) -> dict[str, object]:
        """Write it for programs."""
        return {
            "returned": self.returned.total(),
            "codes": dict(self.returned),
            "stayed": [{"code": c, "reason": r, "count": n} for (c, r), n in self.stayed.items()],
            "failed": [{"code": c, "error": e, "count": n} for (c, e), n in self.failed.items()],
            "not_chosen": dict(self.not_chosen),
            "newer": self.newer,
            "not_found": self.not_found,
            "undeleted": self.undeleted,
            "unseen": self.unseen,
        }

    def lines(self, verb: str) -> Iterator[str]:
        """Write it for people. The verb is what happened to letters: `sent back`."""
        codes = _listed(self.returned)
        yield f"{count(self.returned.total(), 'dead letter')} {verb}{f': {codes}' if codes else ''}"
        for (code, reason), number in self.stayed.items():
            yield f"{number} {printable(code)} stayed: {printable(reason)}"
        for (code, error), number in self.failed.items():
            yield f"{number} {printable(code)} refused by SQS: {printable(error)}"
        if self.not_chosen:
            yield f"not chosen: {_listed(self.not_chosen)}"
        if self.newer:
            letters = count(self.newer, "letter")
            yield f"{letters} left for the next run: written since this run began, or in the same second"
        if self.undeleted:
            yield (
                f"{self.undeleted} went back and could not be deleted here: the next run sends them again, the "
                "function does not"
            )
        if self.unseen:
            yield f"{self.unseen} could not be read: {UNSEEN}"

    def problems(self) -> list[str]:
        """Say why this is not a success; empty when it is one."""
        problems = []
        if self.not_found:
            problems.append(f"not found: {', '.join(map(printable, self.not_found))}")
        if self.failed or self.undeleted:
            problems.append("not everything went back: run it again")
        if self.unseen:
            problems.append("not everything could be read: run it again")
        return problems


def _listed(codes: Counter[str]) -> str:
    return ", ".join(f"{number} {printable(code)}" for code, number in codes.most_common())
