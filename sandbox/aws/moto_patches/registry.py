"""How a gap of moto is closed: a function of ours in the place of moto's, named, with the gap in its docstring."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F")


@dataclass(frozen=True)
class Mend:
    """One mend.

    name: the replaced attribute, `Queue.add_message`
    gap: what moto does otherwise (the docstring of the replacement)
    """

    name: str
    gap: str
    owner: Any
    attribute: str
    replacement: Any


MENDS: list[Mend] = []


def mend(owner: Any, attribute: str) -> Callable[[F], F]:
    """Register a function to take the place of `owner.attribute` once `apply_mends` is called.

    Nothing is changed by importing a mend, so that tests can compare with moto as it is.
    """

    def register(replacement: F) -> F:
        # A function, a property or a class.
        if not replacement.__doc__:
            raise TypeError(f"the mend of {owner.__name__}.{attribute} must say which gap it closes")
        name = f"{owner.__name__}.{attribute}"
        MENDS.append(Mend(name, replacement.__doc__, owner, attribute, replacement))
        return replacement

    return register
