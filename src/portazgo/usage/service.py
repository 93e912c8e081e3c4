"""Reads the ledger: balances of epochs, sums of minutes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.db.models import Max, Sum

from portazgo.kit.clock import microseconds
from portazgo.usage.collector import LEDGER
from portazgo.usage.domain import Balance, Run, gaps
from portazgo.usage.models import EpochEnd, Manifest, MinuteRollup

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

GROUPS = ("partner", "application", "kid", "route", "fault", "billable")
SUMS = ("requests", "units", "bytes_in", "bytes_out", "duration_us_sum")


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


def sums(group_by: Sequence[str], since: datetime | None, until: datetime | None) -> list[dict[str, Any]]:
    """Sum the minutes from `since` (included) to `until` (not included), most requests first."""
    rows = MinuteRollup.objects.using(LEDGER).all()
    if since is not None:
        rows = rows.filter(minute_us__gte=microseconds(since))
    if until is not None:
        rows = rows.filter(minute_us__lt=microseconds(until))
    totals = {name: Sum(name) for name in SUMS}
    if not group_by:
        total = rows.aggregate(**totals)
        return [{name: total[name] or 0 for name in SUMS}]
    return list(rows.values(*group_by).annotate(**totals).order_by("-requests", *group_by))


def newest_manifest() -> int:
    """The number of the segment that was collected last; 0 when there is none."""
    return Manifest.objects.using(LEDGER).aggregate(newest=Max("id"))["newest"] or 0
