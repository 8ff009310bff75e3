"""Moments, lengths of time, numbers and foreign text, written for people."""

from datetime import UTC, datetime


def printable(text: str) -> str:
    """Escape the characters that a terminal would act on."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def timestamp(moment: datetime) -> str:
    """Write a moment in UTC, to the second: `2026-11-24T10:00:00Z`."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def age(moment: datetime, now: datetime) -> str:
    """Write how long ago a moment was, in its two largest units."""
    return duration((now - moment).total_seconds())


def duration(seconds: float) -> str:
    """Write a length of time in its two largest units: `2 d 4 h`."""
    left = max(0, int(seconds))
    parts: list[str] = []
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)):
        number, left = divmod(left, length)
        if number or (unit == "s" and not parts):
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2])


def count(number: int, thing: str, things: str | None = None) -> str:
    """Write a number and what it counts: `1 message`, `2 messages`."""
    return f"{number} {thing if number == 1 else things or f'{thing}s'}"
