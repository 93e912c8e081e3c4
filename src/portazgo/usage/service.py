"""Reads the ledger: balances of epochs, sums of minutes."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from django.db.models import Max

from portazgo.usage.collector import LEDGER
from portazgo.usage.domain import Balance, Run, gaps
from portazgo.usage.models import EpochEnd, Manifest
from portazgo.usage.periods import Period, minute_of
from portazgo.usage.ranges import FIRST_MINUTE, LAST_MINUTE
from portazgo.usage.reading import add_up
from portazgo.usage.rollups import SUMS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from uuid import UUID

GROUPS = ("partner", "application", "kid", "route", "fault", "billable")


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
    begin = FIRST_MINUTE if since is None else minute_of(since)
    end = LAST_MINUTE if until is None else minute_of(until)
    rows = add_up([Period(begin, end, "")], group_by, {})
    told = [{**dict(zip(group_by, row.members, strict=True)), **dict(zip(SUMS, row.sums, strict=True))} for row in rows]
    if not told and not group_by:
        told = [dict.fromkeys(SUMS, 0)]
    return sorted(told, key=lambda row: (-row["requests"], *(str(row[name]) for name in group_by)))


def newest_manifest() -> int:
    """The number of the segment that was collected last; 0 when there is none."""
    return Manifest.objects.using(LEDGER).aggregate(newest=Max("id"))["newest"] or 0
