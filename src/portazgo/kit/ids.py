"""Identifiers: UUIDv7, base62 text, kids, slugs (docs/wire.md, section 1)."""

from __future__ import annotations

import re
import secrets
import string
import threading
import time
import uuid

BASE62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
KID_LENGTH = 10
SLUG_PATTERN = r"[a-z0-9][a-z0-9-]{0,62}"
_SLUG = re.compile(SLUG_PATTERN)

_RANDOM_BITS = 62
_FRACTION_BITS = 12
_NANOSECONDS_PER_MILLISECOND = 1_000_000


class _TickSource:
    """Milliseconds since 1970 with 12 bits of fraction; each value given out once and in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        milliseconds, rest = divmod(time.time_ns(), _NANOSECONDS_PER_MILLISECOND)
        ticks = (milliseconds << _FRACTION_BITS) | ((rest << _FRACTION_BITS) // _NANOSECONDS_PER_MILLISECOND)
        with self._lock:
            self._last = max(ticks, self._last + 1)
            return self._last


_ticks = _TickSource()


def uuid7() -> uuid.UUID:
    """Make a time-ordered id; ids of one process ascend strictly, also when the clock steps back.

    Source: RFC 9562, section 5.7 with method 3 of section 6.2 (12 bits of sub-millisecond precision).
    """
    ticks = _ticks.next()
    milliseconds, fraction = ticks >> _FRACTION_BITS, ticks & ((1 << _FRACTION_BITS) - 1)
    value = (milliseconds & ((1 << 48) - 1)) << 80
    value |= 0x7 << 76 | fraction << 64
    value |= 0b10 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    return uuid.UUID(int=value)


def base62(number: int, width: int) -> str:
    """Write a number in base 62, padded with zeros to `width` digits. Raises ValueError when it needs more."""
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(BASE62))
        digits.append(BASE62[digit])
    if number:
        raise ValueError(f"the number needs more than {width} base62 digits")
    return "".join(reversed(digits))


def random_base62(length: int) -> str:
    """Draw base62 characters from the system's source of randomness; 5.95 bits each."""
    return "".join(secrets.choice(BASE62) for _ in range(length))


def new_kid() -> str:
    """Draw the public id of an API key: 10 base62 characters. That it was never used before is the database's to refuse."""
    return random_base62(KID_LENGTH)


def is_kid(text: str) -> bool:
    """Tell whether the text has the form of a kid."""
    return len(text) == KID_LENGTH and all(character in BASE62 for character in text)


def is_slug(text: str) -> bool:
    """Tell whether the text can be the name of a noun."""
    return _SLUG.fullmatch(text) is not None


def parse_id(text: str) -> uuid.UUID | None:
    """Read the id of a noun: lower-case hyphenated UUID text, and nothing else that `uuid.UUID` would take."""
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    return value if str(value) == text else None
