"""All patches of moto, applied to this process."""

from __future__ import annotations

from sandbox.aws.moto_patches.registry import MENDS, Mend


def known_mends() -> list[Mend]:
    """Return every mend, without changing moto."""
    from sandbox.aws.moto_patches import (  # noqa: F401, PLC0415 - each registers its own, when asked for
        cloudformation,
        events,
        functions,
        message_moves,
        sqs,
    )

    return list(MENDS)


def apply_mends() -> None:
    """Change moto in this process. Only the process of sandbox/aws/server.py does so."""
    from sandbox.aws.cloudformation import resources  # noqa: F401, PLC0415 - importing it changes moto

    for entry in known_mends():
        setattr(entry.owner, entry.attribute, entry.replacement)
