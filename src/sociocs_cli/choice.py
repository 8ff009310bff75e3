"""Which dead letters go back, and why another one stays."""

from dataclasses import dataclass
from datetime import datetime

from message_sender.outcome import ErrorCode
from sociocs_cli.letters import WITHOUT_CODE, Letter

UNDECIDED_CODES = frozenset({ErrorCode.OUTCOME_UNKNOWN.value, WITHOUT_CODE})
"""Codes of letters that may have been sent already. A person decides about each letter that he or she has seen."""
HOPELESS_CODES = frozenset(
    {code.value for code in (ErrorCode.INVALID_MESSAGE, ErrorCode.EXPIRED, ErrorCode.IDEMPOTENCY_CONFLICT)}
)
"""Codes of letters that would fail again in the same way."""
MAY_HAVE_BEEN_SENT = (
    "it may have been sent already: look in Sociocs first (`show` says when it was attempted), then name its id to "
    "send it once more"
)
WOULD_FAIL_AGAIN = "it would fail again: name its id or its code to send it back all the same"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters go back."""

    names: frozenset[str] = frozenset()
    """Ids or keys. Empty: by code."""
    codes: frozenset[str] = frozenset()
    """Empty: all, except those that may have been sent already and those that would fail again."""
    seen_before: datetime | None = None
    """Only letters that were in the dead-letter queue before this moment."""
    limit: int | None = None
    """At most so many."""
    without_key: bool = False
    """Also those whose key there is no room to write down."""
    dry_run: bool = False

    def problem(self) -> str | None:
        """Say what is wrong with this combination; None when it is one."""
        if self.names and (self.codes or self.seen_before):
            return "an ID names its letter: give either IDs, or --code and --seen-before"
        undecided = sorted(self.codes & UNDECIDED_CODES)
        if undecided and not self.seen_before:
            return (
                f"{undecided[0]} letters may have been sent already, and new ones may have come since you looked. Name "
                "the letters that you have looked up in Sociocs by their IDs, or give the moment at which you listed "
                "them: --seen-before TIME"
            )
        return None

    def has(self, letter: Letter) -> bool:
        """Whether somebody chose this letter."""
        if self.names:
            return letter.id in self.names or letter.key in self.names
        if self.codes and letter.code not in self.codes:
            return False
        return self.seen_before is None or letter.written_at < self.seen_before

    def decides_to_resend(self, letter: Letter) -> bool:
        """Whether somebody decided about this very letter that it is sent, although it may have been sent already."""
        named_by_code = letter.code in self.codes & UNDECIDED_CODES and self.seen_before is not None
        return bool(self.names) or named_by_code

    def why_not(self, letter: Letter) -> str | None:
        """Why a chosen letter stays; None when it may go."""
        if letter.outcome_is_unknown and not self.decides_to_resend(letter):
            return MAY_HAVE_BEEN_SENT
        if letter.code in HOPELESS_CODES and not (self.names or self.codes):
            return WOULD_FAIL_AGAIN
        return None
