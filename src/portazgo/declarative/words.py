"""Rates and times as a file writes them. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

from portazgo.kit.durations import format_duration, parse_duration
from portazgo.plans.domain import Throttle, parse_rate

MILLISECONDS = range(1, 600_001)
DURATION_PATTERN = r"^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$"
_MILLISECONDS = re.compile(r"(0|[1-9][0-9]{0,8})ms")
_UNITS = ((86_400, "day", "d"), (3_600, "hour", "h"), (60, "min", "m"), (1, "second", "s"))


def parse_milliseconds(text: str, bounds: range = MILLISECONDS) -> int:
    """Read `250ms`, `3s`, `1m` as milliseconds. Raises ValueError with a sentence."""
    found = _MILLISECONDS.fullmatch(text)
    value = int(found[1]) if found else round(parse_duration(text).total_seconds() * 1_000)
    if value not in bounds:
        least, most = format_milliseconds(bounds.start), format_milliseconds(bounds.stop - 1)
        raise ValueError(f"{text!r} is out of bounds: {least} to {most}")
    return value


def format_milliseconds(value: int) -> str:
    """Write milliseconds with the largest unit that divides them."""
    return f"{value}ms" if value % 1_000 else format_duration(timedelta(milliseconds=value))


def parse_seconds(text: str) -> int:
    """Read `30s`, `5m` as seconds. Raises ValueError with a sentence."""
    return int(parse_duration(text).total_seconds())


def format_seconds(value: int) -> str:
    """Write seconds with the largest unit that divides them."""
    return format_duration(timedelta(seconds=value))


def format_rate(quota: int, window_seconds: int) -> str:
    """Write a rate in Django REST Framework's words, `60/min`; other windows as `100/10m`."""
    size, word, letter = next(unit for unit in _UNITS if window_seconds % unit[0] == 0)
    count = window_seconds // size
    return f"{quota}/{word}" if count == 1 else f"{quota}/{count}{letter}"


def throttle(rate: str, name: str | None = None, burst: int | None = None) -> Throttle:
    """Make the throttle of a rate; its name is that of the window where none is given. Raises ValueError."""
    parsed = parse_rate(rate)
    return Throttle(name or parsed.name, parsed.quota, parsed.window_seconds, burst)
