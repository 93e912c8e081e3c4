"""Accounts for every record: what nodes say, what was collected, what is in the sums and in the lake."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING

from django.db import connections
from django.db.models import Sum

from portazgo.kit.clock import microseconds
from portazgo.nodes.epochs import Heard, Latest, forget_epochs, heard_of, latest_processes
from portazgo.usage.collector import LEDGER
from portazgo.usage.domain import (
    HOST_LOST,
    SILENT_AFTER,
    Acceptance,
    Balance,
    Ended,
    Gap,
    Living,
    Piece,
    Run,
    Totals,
    gaps,
    still_missing,
)
from portazgo.usage.filling import unfilled
from portazgo.usage.keeping import horizons
from portazgo.usage.models import AcceptedGap, EpochAccount, EpochEnd, Manifest
from portazgo.usage.rollups import DAY, MONTH, Grain
from portazgo.usage.spilled import with_spilled

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

Life = tuple["UUID", "UUID"]
"""A node and one of its epochs."""

TOLD_KEPT = timedelta(days=30)
MOST_GAPS = 100
"""Runs that are named of one epoch; how many records are missing is told in any case."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that is known of epochs, by node and epoch: a few columns of a row for each life of a process."""

    accounts: Mapping[Life, EpochAccount]
    ends: Mapping[Life, EpochEnd]
    heard: Mapping[Life, Heard]
    latest: Mapping[UUID, Latest]
    accepted: Mapping[UUID, AcceptedGap]
    not_in_lake: Mapping[UUID, int]
    dropped: Mapping[UUID, int]


def balances(now: datetime, node: UUID | None = None) -> list[Balance]:
    """Account for every epoch that is known of, newest first; what is missing is counted, and not named."""
    known = _known(node)
    lives = sorted({*known.accounts, *known.ends, *known.heard}, key=lambda life: life[1], reverse=True)
    return list(with_spilled([account_for(life, known, now) for life in lives]))


def account_for(life: Life, known: Known, now: datetime) -> Balance:
    """Account for one epoch, by what is known; what is missing is counted, and not named."""
    node, epoch = life
    account, end, heard = known.accounts.get(life), known.ends.get(life), known.heard.get(life)
    latest, accepted = known.latest.get(node), known.accepted.get(epoch)
    told = heard.told if heard is not None else None
    collected = account.collected if account is not None else 0
    return Balance(
        node=node,
        label=latest.label if latest is not None else "",
        epoch=epoch,
        living=_living(life, known, now),
        first_seen_at=None if heard is None else heard.first_seen_at,
        ended=None if end is None else _ended(end),
        told_accepted=None if told is None else told.accepted,
        told_journaled=None if told is None else told.journaled,
        latest_sequence=account.last_sequence if account is not None else 0,
        collected=collected,
        rolled_up=account.rolled_up if account is not None else 0,
        # What was collected since the account was read is in neither.
        in_lake=max(0, collected - known.not_in_lake.get(epoch, 0)),
        dropped=known.dropped.get(epoch, 0),
        acceptance=None if accepted is None or accepted.node != node else _acceptance(accepted),
    )


def told_at(now: datetime, node: UUID | None = None) -> datetime | None:
    """Tell since when every node that polls has told its counts; None: no node polls, or one tells nothing."""
    heard = {(one.node, one.epoch): one.told_at for one in heard_of(node)}
    polling = {
        (node, latest.epoch)
        for node, latest in latest_processes(node).items()
        if now - latest.contact_at <= SILENT_AFTER
    }
    times = [heard.get(life) for life in polling]
    return min((time for time in times if time is not None), default=None) if None not in times else None


def balance_of(epoch: UUID, now: datetime) -> Balance | None:
    """Account for one epoch, and name what is missing; None: it is not known of."""
    known = _known(epoch=epoch)
    lives = sorted({*known.accounts, *known.ends, *known.heard})
    return next((with_gaps(one, now) for one in with_spilled([account_for(life, known, now) for life in lives])), None)


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
    collected = "(SELECT COALESCE(SUM(requests), 0) FROM usage_epoch_account)"
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(f"SELECT {', '.join([collected, *folded])}")
        first, *others = map(int, cursor.fetchone())
    return Totals(first, tuple(others))


def forget_told(now: datetime) -> int:
    """Drop what polls told of processes that ended long ago by themselves. Returns how many. For the worker.

    Of a host that was lost its last word is all that tells how many records there were.
    """
    ended = EpochEnd.objects.using(LEDGER).exclude(end=HOST_LOST).values_list("epoch", flat=True)
    return forget_epochs(now - TOLD_KEPT, set(ended))


def _known(node: UUID | None = None, epoch: UUID | None = None) -> Known:
    """Read what is known of all epochs, those of a node, or of one epoch."""
    # What nodes say is read first: what was collected since then is more than they said, never less.
    heard = {(one.node, one.epoch): one for one in heard_of(node, None if epoch is None else {epoch})}
    latest = latest_processes(node)
    only = {name: value for name, value in (("node", node), ("epoch", epoch)) if value is not None}
    of_epoch = {} if epoch is None else {"epoch": epoch}
    return Known(
        # The ends before the accounts: a node reports an end when all of the epoch is here.
        ends={(one.node, one.epoch): one for one in EpochEnd.objects.using(LEDGER).filter(**only)},
        accounts={(one.node, one.epoch): one for one in EpochAccount.objects.using(LEDGER).filter(**only)},
        heard=heard,
        latest=latest,
        accepted={one.epoch: one for one in AcceptedGap.objects.using(LEDGER).filter(**of_epoch)},
        not_in_lake=_not_in_lake(of_epoch),
        dropped=_dropped(of_epoch),
    )


def _not_in_lake(of_epoch: Mapping[str, UUID]) -> dict[UUID, int]:
    """Count the records of each epoch that are in segments only: those of the last minutes, by the index of just these."""
    waiting = Manifest.objects.using(LEDGER).filter(lake_file__isnull=True, dropped_at__isnull=True, **of_epoch)
    return dict(waiting.values_list("epoch").annotate(records=Sum("count")))


def _dropped(of_epoch: Mapping[str, UUID]) -> dict[UUID, int]:
    """Count the records of each epoch that retention dropped before they were in the lake: mostly none."""
    dropped = Manifest.objects.using(LEDGER).filter(dropped_at__isnull=False, **of_epoch)
    return dict(dropped.values_list("epoch").annotate(records=Sum("count")))


def _living(life: Life, known: Known, now: datetime) -> Living:
    node, epoch = life
    latest = known.latest.get(node)
    if latest is None or now - latest.contact_at > SILENT_AFTER:
        return Living.SILENT
    if latest.epoch == epoch:
        return Living.POLLS
    successor = known.heard.get((node, latest.epoch))
    has_more = successor is not None and _has_older_records(successor)
    return Living.FOLLOWED if has_more or now - latest.epoch_seen_at <= SILENT_AFTER else Living.SILENT


def _has_older_records(successor: Heard) -> bool:
    """Tell whether it ships what it found on the disk: a busy process always has something, which is its own."""
    told = successor.told
    return told is not None and told.at_risk_since is not None and told.at_risk_since < successor.first_seen_at


def _ended(end: EpochEnd) -> Ended:
    return Ended(end.end, end.last_sequence, end.accepted, end.seconds_at_risk, end.ended_at, end.declared)


def _acceptance(row: AcceptedGap) -> Acceptance:
    return Acceptance(row.missing, row.seconds_at_risk, row.unexplained, row.reason, row.accepted_by, row.accepted_at)


def with_gaps(balance: Balance, now: datetime) -> Balance:
    """Name what is missing. Only where something is: the segments of an epoch may be a million."""
    if not balance.missing_records:
        return balance
    last = balance.journaled - balance.under_way
    ended_at = balance.ended.ended_at if balance.ended is not None else now
    if balance.collected == balance.latest_sequence:
        named = iter(_tail(balance, last, microseconds(ended_at)))
    else:
        named = gaps(_pieces(balance), last, ended_at_us=microseconds(ended_at))
    return replace(balance, missing=tuple(islice(still_missing(named, balance.spilled), MOST_GAPS)))


def _tail(balance: Balance, last: int, ended_at_us: int) -> list[Gap]:
    account = EpochAccount.objects.using(LEDGER).filter(epoch=balance.epoch, node=balance.node).first()
    since = account.ended_at_us if account is not None and account.collected else None
    return [Gap(Run(balance.latest_sequence + 1, last), since, ended_at_us)]


def _pieces(balance: Balance) -> Iterator[Piece]:
    segments = (
        Manifest.objects.using(LEDGER)
        .filter(epoch=balance.epoch, node=balance.node, count__gt=0)
        .order_by("first_sequence")
        .values_list("first_sequence", "last_sequence", "started_at_us", "ended_at_us")
    )
    for first, last, started_at_us, ended_at_us in segments.iterator():
        yield Piece(Run(first, last), started_at_us, ended_at_us)
