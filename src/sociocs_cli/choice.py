"""Which dead letters go back, and why another one stays."""

from dataclasses import dataclass

from sociocs_cli.letters import Letter

UNKNOWN_OUTCOME = (
    "it may have been sent already: look in Sociocs first, then name its code to send it once more (--code {code})"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters go back."""

    codes: frozenset[str] = frozenset()
    """Empty: all, except those that may have been sent already."""
    limit: int | None = None
    """At most so many."""
    without_key: bool = False
    """Also those whose key there is no room to write down."""
    dry_run: bool = False

    def has(self, letter: Letter) -> bool:
        """Whether somebody chose this letter."""
        return not self.codes or letter.code in self.codes

    def why_not(self, letter: Letter) -> str | None:
        """Why a chosen letter stays; None when it may go."""
        return UNKNOWN_OUTCOME.format(code=letter.code) if not self.codes and letter.outcome_is_unknown else None
