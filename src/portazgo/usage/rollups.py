"""How sums are kept: levels of time, grains of detail, and how fresh sums are spread over both. Pure.

Slots are counted in minutes since 1970, UTC. Each level holds all that was folded, so that whatever a range is cut into, its
sums are exact. A *series* is what a sum is told apart by; a *grain* leaves some of that out, so that a report over all
partners need not add up every key, route and fault again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import NamedTuple

MEMBERS = ("partner", "application", "kid", "route", "fault", "billable", "price_version")
"""What sums are told apart by, beside time; "" and 0 where there is none."""
SUMS = ("requests", "units", "bytes_in", "bytes_out", "duration_us_sum")
MINUTE_US = 60_000_000
LARGEST_SUM = 2**60
"""What adds up to more stays so: a sum that can't be stored would stop the folding of all, or every segment that has it."""

_MINUTES_A_DAY = 1_440
_FIRST_DAY = date(1970, 1, 1).toordinal()


def adding(table: str) -> str:
    """Write what adds new sums to those of a table that are there already."""
    return ", ".join(
        f"{name} = CASE WHEN {table}.{name} > {LARGEST_SUM} - excluded.{name} THEN {LARGEST_SUM} "
        f"ELSE {table}.{name} + excluded.{name} END"
        for name in SUMS
    )


class Grain(IntEnum):
    """How much a series tells. The numbers stand in tables: they never change."""

    WHOLE = 0
    APPLICATION = 1
    ROUTE = 2
    PARTNER = 3

    @property
    def members(self) -> tuple[str, ...]:
        """What its series tell."""
        return _TELLS[self]


_TELLS = {
    Grain.WHOLE: MEMBERS,
    Grain.APPLICATION: ("partner", "application", "billable"),
    Grain.ROUTE: ("route", "fault", "billable"),
    Grain.PARTNER: ("partner",),
}
COARSEST_FIRST = (Grain.ROUTE, Grain.PARTNER, Grain.APPLICATION, Grain.WHOLE)


@dataclass(frozen=True, slots=True)
class Level:
    """Slots of one length; `minutes` None: the months of the calendar, which differ."""

    name: str
    table: str
    minutes: int | None
    grains: tuple[Grain, ...] = tuple(Grain)

    def floor(self, minute: int) -> int:
        """Give the slot in which a minute lies."""
        if self.minutes is not None:
            return minute - minute % self.minutes
        return _midnight(_day(minute).replace(day=1))

    def ceil(self, minute: int) -> int:
        """Give the first slot that does not begin before a minute."""
        floor = self.floor(minute)
        return floor if floor == minute else self.after(floor)

    def after(self, slot: int) -> int:
        """Give the slot that follows."""
        if self.minutes is not None:
            return slot + self.minutes
        first = _day(slot)
        return _midnight(date(first.year + first.month // 12, first.month % 12 + 1, 1))

    def count(self, since: int, until: int) -> int:
        """Count the slots between two slots."""
        if self.minutes is not None:
            return (until - since) // self.minutes
        begin, end = _day(since), _day(until)
        return (end.year - begin.year) * 12 + end.month - begin.month


MINUTE = Level("minute", "usage_minute", 1, (Grain.WHOLE,))
"""Of one grain only: no report over all partners goes by many minutes."""
QUARTER = Level("quarter", "usage_quarter", 15, (Grain.WHOLE, Grain.APPLICATION, Grain.ROUTE))
"""Partners alone are added up from those of their applications: no report goes by many quarters of all partners either."""
HOUR = Level("hour", "usage_hour", 60)
SIX_HOURS = Level("six-hour", "usage_six_hours", 360, (Grain.PARTNER,))
"""For months of all partners in other zones: five hours are six less one, two rows of a partner in place of five."""
DAY = Level("day", "usage_day", _MINUTES_A_DAY)
MONTH = Level("month", "usage_month", None)
LEVELS = (MINUTE, QUARTER, HOUR, SIX_HOURS, DAY, MONTH)
"""The finest first; each one's slots are made of whole slots of the one before."""


class Series(NamedTuple):
    """What a sum is told apart by; what its grain leaves out is "" or 0."""

    grain: Grain
    partner: str
    application: str
    kid: str
    route: str
    fault: str
    billable: bool
    price_version: int

    def at(self, grain: Grain) -> Series:
        """Leave out what a coarser grain does not tell."""
        left_out = {name: _NOTHING[name] for name in MEMBERS if name not in grain.members}
        return self._replace(grain=grain, **left_out)  # type: ignore[arg-type]  # by name


_NOTHING: Mapping[str, str | int] = {**dict.fromkeys(MEMBERS, ""), "billable": False, "price_version": 0}


class Fresh(NamedTuple):
    """A sum that is not folded yet."""

    minute: int
    series: Series
    sums: tuple[int, ...]


Place = tuple[Grain, int, Series]
"""Grain, slot, series."""


def spread(fresh: Iterable[Fresh]) -> dict[Level, dict[Place, list[int]]]:
    """Tell what these sums add to every level and grain: each to one slot of each, whatever else is there."""
    added: dict[Level, dict[Place, list[int]]] = {level: {} for level in LEVELS}
    for minute, series, sums in fresh:
        coarser = {grain: series if grain is Grain.WHOLE else series.at(grain) for grain in Grain}
        for level in LEVELS:
            slot = level.floor(minute)
            for grain in level.grains:
                _add(added[level], (grain, slot, coarser[grain]), sums)
    return added


def coarsest(members: Iterable[str], among: Collection[Grain] = tuple(Grain)) -> Grain | None:
    """Choose the grain with the fewest series that still tells all of these; None: none of them does."""
    wanted = set(members)
    return next((grain for grain in COARSEST_FIRST if grain in among and wanted <= set(grain.members)), None)


def _add(to: dict[Place, list[int]], place: Place, sums: tuple[int, ...]) -> None:
    there = to.get(place)
    if there is None:
        to[place] = list(sums)
    else:
        for number, value in enumerate(sums):
            there[number] += value


def _day(minute: int) -> date:
    return date.fromordinal(_FIRST_DAY + minute // _MINUTES_A_DAY)


def _midnight(day: date) -> int:
    return (day.toordinal() - _FIRST_DAY) * _MINUTES_A_DAY
