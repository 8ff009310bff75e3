"""The account of a soak: lost, sent twice and wrongly reported messages."""

from sandbox.soak.program import Outcome, judge


def text(number: int) -> str:
    """What the message of this number says, as it is found in the inbox and in the body of a dead letter."""
    return f"soak message {number}."


def test_each_message_where_it_should_be() -> None:
    """Accepted, dead-lettered, and of unknown outcome, whether or not the message arrived."""
    letters = [
        ("INVALID_MESSAGE", text(2)),
        ("OUTCOME_UNKNOWN", text(3)),
        ("OUTCOME_UNKNOWN", text(4)),
        ("OUTCOME_UNKNOWN", text(4)),  # a producer's duplicate of it
    ]

    found = judge(range(1, 5), [text(1), text(3)], letters)

    assert found == Outcome(4, 2, {"OUTCOME_UNKNOWN": 3, "INVALID_MESSAGE": 1})
    assert found.kept_its_promises
    assert found.closing_line == "sent 4, accepted 2, dead-lettered 4, lost 0, duplicated 0, misreported 0"


def test_a_message_that_is_nowhere_is_lost() -> None:
    """Message 12 in the inbox does not hide that message 1 is lost."""
    found = judge([1, 12], [text(12)], [])

    assert found.lost == (1,)
    assert not found.kept_its_promises


def test_a_message_twice_in_the_inbox_is_duplicated() -> None:
    """A message counts as sent twice also if a dead letter says that its outcome is unknown."""
    found = judge([1, 2], [text(1), text(1), text(2), text(2)], [("OUTCOME_UNKNOWN", text(2))])

    assert found.duplicated == (1, 2)
    assert not found.kept_its_promises


def test_a_dead_letter_of_an_accepted_message_is_misreported_unless_it_may_be_accepted() -> None:
    """Whoever reads it would send the message again. One that was refused twice may be redriven once."""
    letters = [("RETRIES_EXHAUSTED", text(1)), ("OUTCOME_UNKNOWN", text(2)), ("API_REJECTED", text(3))]

    found = judge([1, 2, 3], [text(1), text(2), text(3)], letters)

    assert found.misreported == (1,)
    assert not found.kept_its_promises
