"""All patches of moto, applied to this process."""

from __future__ import annotations

from sandbox.aws.moto_patches.registry import PATCHES, Patch


def known_patches() -> list[Patch]:
    """Return every patch, without changing moto."""
    from sandbox.aws.moto_patches import (  # noqa: F401, PLC0415 - importing a module registers its patches
        cloudformation,
        events,
        functions,
        message_moves,
        sqs,
        topics,
    )

    return list(PATCHES)


def apply_patches() -> None:
    """Change moto in this process. Only the process of `sandbox.aws.server` does so."""
    for entry in known_patches():
        setattr(entry.owner, entry.attribute, entry.replacement)
