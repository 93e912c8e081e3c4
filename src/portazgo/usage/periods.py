"""Periods of a calendar in a time zone: what months, weeks, days, hours a range is told by. Pure.

Boundaries are the zone's own: a day on which the clocks change has 23 or 25 hours, and an hour in India begins at half past.
A day whose midnight is skipped begins with its first minute.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_OF_A_CLOCK = {"minute": 1, "quarter": 15, "hour": 60}


class Interval(StrEnum):
    """What a range is told by."""

    MINUTE = "minute"
    QUARTER = "quarter"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Period:
    """From one minute since 1970 to another, which is not included; `name` as people write it, in the zone's time."""

    since: int
    until: int
    name: str


class TooMany(Exception):
    """There would be more periods than are told."""


def periods(since: int, until: int, interval: Interval, zone: ZoneInfo, *, most: int) -> list[Period]:
    """Cut a range into the periods that it touches; the first and the last end where it does. Raises TooMany."""
    cut: list[Period] = []
    for period in _touching(since, until, interval, zone):
        if len(cut) == most:
            raise TooMany
        cut.append(Period(max(since, period.since), min(until, period.until), period.name))
    return cut


def day(text: str, zone: ZoneInfo) -> Period:
    """Read a day such as 2026-11-03. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(text)
    first = date.fromisoformat(text)
    return _period(first, first + timedelta(days=1), zone, text)


def month(text: str, zone: ZoneInfo) -> Period:
    """Read a month such as 2026-11. Raises ValueError."""
    found = _MONTH.fullmatch(text)
    if found is None:
        raise ValueError(text)
    first = date(int(found[1]), int(found[2]), 1)
    return _period(first, _next_month(first), zone, text)


def minute_of(moment: datetime) -> int:
    """Count the whole minutes since 1970."""
    return (moment - _FIRST) // _MINUTE


def moment_of(minute: int) -> datetime:
    """Give the time of a minute, UTC."""
    return _FIRST + minute * _MINUTE


def _touching(since: int, until: int, interval: Interval, zone: ZoneInfo) -> Iterator[Period]:
    if interval.value in _OF_A_CLOCK:
        yield from _clock_periods(since, until, _OF_A_CLOCK[interval.value], zone)
        return
    first = _beginning(moment_of(since).astimezone(zone).date(), interval)
    # A day's first minute may lie before the date changes on the clock, where midnight is skipped.
    while _midnight(first, zone) < until:
        following = _following(first, interval)
        period = _period(first, following, zone, _name(first, interval))
        if period.until > since:
            yield period
        first = following


def _clock_periods(since: int, until: int, length: int, zone: ZoneInfo) -> Iterator[Period]:
    begin = since - _on_the_clock(since, zone) % length
    while begin < until:
        # Where the clock jumps inside, what follows is as long as it takes the clock to the next full one.
        following = begin + length - _on_the_clock(begin, zone) % length
        name = moment_of(begin).astimezone(zone).isoformat(timespec="minutes")
        yield Period(begin, following, name.replace("+00:00", "Z"))
        begin = following


def _on_the_clock(minute: int, zone: ZoneInfo) -> int:
    offset = moment_of(minute).astimezone(zone).utcoffset() or timedelta(0)
    return minute + offset // _MINUTE


def _period(first: date, following: date, zone: ZoneInfo, name: str) -> Period:
    return Period(_midnight(first, zone), _midnight(following, zone), name)


def _midnight(at: date, zone: ZoneInfo) -> int:
    # Of a midnight that comes twice the first; of one that is skipped, by the offset before it, the moment of the jump.
    return minute_of(datetime(at.year, at.month, at.day, tzinfo=zone).astimezone(UTC))


def _beginning(at: date, interval: Interval) -> date:
    if interval is Interval.MONTH:
        return at.replace(day=1)
    return at - timedelta(days=at.weekday()) if interval is Interval.WEEK else at


def _following(first: date, interval: Interval) -> date:
    if interval is Interval.MONTH:
        return _next_month(first)
    return first + timedelta(days=7 if interval is Interval.WEEK else 1)


def _next_month(first: date) -> date:
    return date(first.year + first.month // 12, first.month % 12 + 1, 1)


def _name(first: date, interval: Interval) -> str:
    if interval is Interval.MONTH:
        return f"{first:%Y-%m}"
    if interval is Interval.WEEK:
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}"
    return first.isoformat()
