"""The gaps of moto that matter here, and how each is closed.

Each mend is one function that takes the place of one of moto's, and its docstring says what moto does without it.
tests/integration/sandbox_aws holds a test for each that fails when moto no longer needs it. Resource types that moto's
CloudFormation lacks are in sandbox/cloudformation/resources.py.
"""

from __future__ import annotations

from sandbox.mends.registry import MENDS, Mend

__all__ = ["Mend", "apply_mends", "known_mends"]


def known_mends() -> list[Mend]:
    """Return every mend, without changing moto."""
    from sandbox.mends import (  # noqa: F401, PLC0415 - each registers its own, when asked for
        cloudformation,
        events,
        functions,
        message_moves,
        sqs,
    )

    return list(MENDS)


def apply_mends() -> None:
    """Change moto in this process. Only the process of sandbox/aws.py does so."""
    from sandbox.cloudformation import resources  # noqa: F401, PLC0415 - importing it changes moto

    for entry in known_mends():
        setattr(entry.owner, entry.attribute, entry.replacement)
