"""Durations as people write them: `30s`, `10m`, `1h`, `7d`."""

from __future__ import annotations

import re
from datetime import timedelta

_FORM = re.compile(r"(0|[1-9][0-9]{0,8})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class DurationInvalid(ValueError):
    """The text is no duration."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no duration: write a whole number and one of s, m, h, d, such as 30s or 7d")


def parse_duration(text: str) -> timedelta:
    """Read `30s`, `10m`, `1h`, `7d`. Raises DurationInvalid; a bare number is refused, its unit would be a guess."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise DurationInvalid(text)
    return timedelta(seconds=int(match[1]) * _SECONDS[match[2]])


def format_duration(duration: timedelta) -> str:
    """Write a duration with the largest unit that divides it. Raises ValueError for fractions of seconds and negatives."""
    seconds = int(duration.total_seconds())
    if seconds < 0 or duration != timedelta(seconds=seconds):
        raise ValueError(f"{duration} is not a whole number of seconds from zero")
    for unit in "dhm":
        if seconds and seconds % _SECONDS[unit] == 0:
            return f"{seconds // _SECONDS[unit]}{unit}"
    return f"{seconds}s"
