"""The same JSON value is the same message, however it is spelled; and its members can be cut out of its text."""

import json
from typing import Any

import pytest
from hypothesis import given

from message_sender.contract.strict_json import canonical, member_texts
from message_sender.ledger import Entry
from tests.support.contract_strategies import json_values


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10", "10.0"),
        ("100", "1e2"),
        ("0.1", "1E-1"),
        ("0", "-0.0"),
        ("10.00", "1.0e1"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ('"é"', r'"\u00e9"'),
        ('{"a": 1, "b": 2}', '{ "b":2.0,"a":1 }'),
    ],
)
def test_the_spelling_of_json_does_not_count(one: str, other: str) -> None:
    """A producer that writes a number in another way on its second try has sent the same message."""
    assert canonical(one) == canonical(other)
    body, again = f'{{"n":{one}}}'.encode(), f'{{"n":{other}}}'.encode()
    assert Entry.of("key", body, "a") == Entry.of("key", again, "a")


@pytest.mark.parametrize(("one", "other"), [("1", "1.5"), ("1", "true"), ("1", '"1"'), ("[1, 2]", "[2, 1]")])
def test_another_value_is_another_message(one: str, other: str) -> None:
    """Only the spelling is folded."""
    assert canonical(one) != canonical(other)


@given(json_values, json_values)
def test_the_members_are_the_texts_of_the_values(first: Any, second: Any) -> None:
    """Whatever the values are, and however they are laid out."""
    value = {"first": first, 'se"cond': second, "": {}}
    options: list[dict[str, Any]] = [{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}]
    for each in options:
        members = member_texts(json.dumps(value, **each))

        assert {name: json.loads(text) for name, text in members.items()} == value


def test_an_empty_object_has_no_members() -> None:
    """White space within it is none either."""
    assert member_texts(" { \n} ") == {}
