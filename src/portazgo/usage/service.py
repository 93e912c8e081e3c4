"""Reads the ledger: what a report is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Max

from portazgo.kit.errors import Invalid
from portazgo.kit.time_zones import time_zone
from portazgo.usage.collector import LEDGER
from portazgo.usage.models import Manifest
from portazgo.usage.periods import Interval, Period, TooMany, day, minute_of, month, periods
from portazgo.usage.questions import Question
from portazgo.usage.ranges import FIRST_MINUTE, LAST_MINUTE

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from portazgo.usage.schemas import UsageQuery

MOST_PERIODS = 5_000


def question(query: UsageQuery, zone_name: str, now: datetime) -> Question:
    """Understand what is asked for. Raises Invalid, naming the place."""
    zone = time_zone(zone_name)
    if zone is None:
        raise Invalid.at("/time_zone", f"there is no time zone {zone_name!r}: write one such as America/Bogota")
    whole = _range(query, zone)
    groups = tuple(dict.fromkeys(query.group_by))
    if query.interval == "none":
        return Question([whole], by_period=False, group_by=groups, only=query.only())
    if whole.since == FIRST_MINUTE:
        raise Invalid.at("/interval", "say from when on: since, month or day")
    if whole.until == LAST_MINUTE:
        whole = Period(whole.since, max(whole.since, minute_of(now) + 1), "")
    try:
        cut = periods(whole.since, whole.until, Interval(query.interval), zone, most=MOST_PERIODS)
    except TooMany:
        raise Invalid.at(
            "/interval", f"there would be more than {MOST_PERIODS} periods", code="usage_too_many_rows"
        ) from None
    return Question(cut, by_period=True, group_by=groups, only=query.only())


def _range(query: UsageQuery, zone: ZoneInfo) -> Period:
    given = [name for name in ("month", "day") if getattr(query, name) is not None]
    if len(given) + (query.since is not None or query.until is not None) > 1:
        raise Invalid.at("", "say month, or day, or since and until")
    for name in given:
        text = getattr(query, name)
        try:
            found = (month if name == "month" else day)(text, zone)
        except (ValueError, OverflowError):
            raise Invalid.at(f"/{name}", f"{text!r} is no {name}") from None
        if not FIRST_MINUTE <= found.since < found.until <= LAST_MINUTE:
            raise Invalid.at(f"/{name}", "must lie between the years 1970 and 9990")
        return found
    since = FIRST_MINUTE if query.since is None else minute_of(query.since)
    until = LAST_MINUTE if query.until is None else minute_of(query.until)
    since, until = (min(max(one, FIRST_MINUTE), LAST_MINUTE) for one in (since, until))
    if until < since:
        raise Invalid.at("/until", "must not lie before since")
    return Period(since, until, "")


def newest_manifest() -> int:
    """The number of the segment that was collected last; 0 when there is none."""
    return Manifest.objects.using(LEDGER).aggregate(newest=Max("id"))["newest"] or 0
