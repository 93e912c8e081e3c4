"""Reads the ledger: balances of epochs, what a report is asked for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from django.db import connections
from django.db.models import Max

from portazgo.kit.errors import Invalid
from portazgo.kit.time_zones import time_zone
from portazgo.usage.collector import LEDGER
from portazgo.usage.domain import Balance, Run, Totals, gaps
from portazgo.usage.filling import unfilled
from portazgo.usage.keeping import horizons
from portazgo.usage.models import EpochEnd, Manifest
from portazgo.usage.periods import Interval, Period, TooMany, day, minute_of, month, periods
from portazgo.usage.questions import Question
from portazgo.usage.ranges import FIRST_MINUTE, LAST_MINUTE
from portazgo.usage.rollups import DAY, MONTH, Grain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from portazgo.usage.schemas import UsageQuery

MOST_PERIODS = 5_000


def balance(node: UUID | None = None) -> list[Balance]:
    """Account for every epoch that is known of, newest first; an epoch's gaps are named."""
    ends = {end.epoch: end for end in EpochEnd.objects.using(LEDGER).all()}
    runs: dict[tuple[UUID, UUID], list[Run]] = defaultdict(list)
    rolled_up: dict[UUID, int] = defaultdict(int)
    manifests = Manifest.objects.using(LEDGER).values_list(
        "node", "epoch", "first_sequence", "last_sequence", "rolled_up"
    )
    for its_node, epoch, first, last, summed in manifests.iterator():
        runs[its_node, epoch].append(Run(first, last))
        rolled_up[epoch] += summed
    for end in ends.values():
        runs[end.node, end.epoch] = runs.get((end.node, end.epoch), [])
    epochs = sorted((pair for pair in runs if node in {None, pair[0]}), key=lambda pair: pair[1], reverse=True)
    return [_balance(pair, runs[pair], rolled_up[pair[1]], ends.get(pair[1])) for pair in epochs]


def _balance(pair: tuple[UUID, UUID], runs: Sequence[Run], rolled_up: int, end: EpochEnd | None) -> Balance:
    last = end.last_sequence if end is not None else max((run.last for run in runs), default=0)
    missing = gaps(runs, end.last_sequence if end is not None else None)
    collected = sum(run.count for run in runs)
    return Balance(pair[0], pair[1], end.end if end else None, last, collected, rolled_up, tuple(missing))


def totals() -> Totals:
    """Compare the records of all time with the sums of all time, in one statement: folding goes on meanwhile."""
    whole = [level for level, whole_from in horizons().items() if level in {DAY, MONTH} and not whole_from]
    left_out = unfilled()
    fresh = "(SELECT COALESCE(SUM(requests), 0) FROM usage_fresh)"
    folded = [
        f"{fresh} + (SELECT COALESCE(SUM(requests), 0) FROM {level.table} WHERE grain = {int(grain)})"  # noqa: S608 - names of our own
        for level in whole
        for grain in (level.grains if level is MONTH else (Grain.ROUTE,))
        if (level, grain) not in left_out
    ]
    collected = "(SELECT COALESCE(SUM(requests), 0) FROM usage_manifest)"
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join([collected, *folded])}")
        first, *others = map(int, cursor.fetchone())
    return Totals(first, tuple(others))


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
