"""Time as a port: wall time for what people read, monotonic time for durations."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_OFFSET_REQUIRED = "a time needs its offset, such as Z"


class Clock(Protocol):
    """Where services take the time from."""

    def now(self) -> datetime:
        """Tell the wall time, aware, UTC."""

    def monotonic(self) -> float:
        """Tell the seconds since an arbitrary start; never goes back."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Tell the wall time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Tell the seconds since an arbitrary start; never goes back."""
        return time.monotonic()


SYSTEM_CLOCK = SystemClock()


def rfc3339(moment: datetime) -> str:
    """Write an aware time as RFC 3339 in UTC with six decimals, so that texts sort as times do."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """Read an RFC 3339 time. Raises ValueError, also when the offset is missing."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(_OFFSET_REQUIRED)
    return moment.astimezone(UTC)


def microseconds(moment: datetime) -> int:
    """Count the microseconds since 1970, exactly (a float would lose the last digits)."""
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_microseconds(count: int) -> datetime:
    """Give the time that lies so many microseconds after 1970, exactly. Raises OverflowError for what no calendar has."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=count)


def nearest_time(count: int) -> datetime:
    """Give the time that lies so many microseconds after 1970, or the first or last that there is: to be shown."""
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    return from_microseconds(min(max(count, microseconds(first)), microseconds(last)))
