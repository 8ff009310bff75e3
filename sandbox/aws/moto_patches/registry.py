"""How a patch closes a gap of moto: a function of ours replaces one of moto's. Its docstring describes the gap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

F = TypeVar("F")


@dataclass(frozen=True)
class Patch:
    """One patch.

    owner, attribute: the module or class of moto's, and the name in it that is replaced
    replacement: what takes its place: a function, a property or a class
    """

    owner: Any
    attribute: str
    replacement: Any

    @property
    def name(self) -> str:
        """The replaced name: `Queue.add_message`."""
        return f"{self.owner.__name__}.{self.attribute}"


PATCHES: list[Patch] = []


def patch(owner: Any, attribute: str) -> Callable[[F], F]:
    """Register a replacement for `owner.attribute`, which takes its place when `apply_patches` is called.

    Importing a patch does not change moto, so that tests can compare with moto as it is.
    """

    def register(replacement: F) -> F:
        if not replacement.__doc__:
            raise TypeError(f"the patch of {owner.__name__}.{attribute} must describe the gap that it closes")
        PATCHES.append(Patch(owner, attribute, replacement))
        return replacement

    return register
