"""Phone numbers that nobody has: mostly the country code is missing.

The metadata of libphonenumber says which numbers of a country are assigned. Countries assign new ones, so that this is
good for a warning, and not for a refusal.
"""

from functools import cache


@cache
def is_known(number: str) -> bool:
    """Say whether a number may belong to somebody. It begins with its country code, with or without a plus."""
    import phonenumbers  # noqa: PLC0415 - 0.1 s that only `send` has to spend

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(f"+{number.removeprefix('+')}"))
    except phonenumbers.NumberParseException:
        return False
