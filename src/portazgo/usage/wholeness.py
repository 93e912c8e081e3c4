"""How far the sums of a range go: up to when everything is in, and how many epochs in the range don't balance.

A report asks with every answer, so only epochs are looked at that go on or whose account is not plainly even; what is to be
said of these is the balance's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Exists, F, OuterRef, Q

from portazgo.kit.clock import nearest_time
from portazgo.nodes.epochs import heard_of, latest_processes, numbered
from portazgo.usage.balance import Known, account_for
from portazgo.usage.collector import LEDGER
from portazgo.usage.domain import HOST_LOST, SILENT_AFTER, Balance, Verdict
from portazgo.usage.models import AcceptedGap, EpochAccount, EpochEnd, Manifest
from portazgo.usage.spill_state import waiting
from portazgo.usage.spilled import with_spilled

if TYPE_CHECKING:
    from uuid import UUID

LAG = timedelta(seconds=1)
"""What a poll is under way, and what a node's writer is behind, many times over."""
FIRST = datetime(1970, 1, 1, tzinfo=UTC)
"""Nobody knows when it began."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wholeness:
    """Every call that ended before `complete_until` is in the sums, but for what is missing of `gaps` epochs."""

    complete_until: datetime
    gaps: int
    whole: bool
    """Nothing is missing, and everything is in up to the end of the range; up to a minute ago where it has not ended."""


def wholeness(since: datetime, until: datetime, now: datetime) -> Wholeness:
    """Tell it of a range."""
    known = _known(since, until)
    found = [account_for(life, known, now) for life in {*known.accounts, *known.ends, *known.heard}]
    if waiting().records:
        found = list(with_spilled(found))
    late = [one for one in found if one.ended is None or one.spilled]
    complete_until = min((_complete_until(one, known) for one in late), default=now)
    gaps = sum(1 for one in found if not one.verdict.balances and _touches(one, known, since, until))
    return Wholeness(complete_until, gaps, gaps == 0 and complete_until >= min(until, now - SILENT_AFTER))


def _known(since: datetime, until: datetime) -> Known:
    epochs = _open_epochs() | _uneven_epochs(since, until)
    accepted = AcceptedGap.objects.using(LEDGER).filter(epoch__in=epochs)
    ends = EpochEnd.objects.using(LEDGER).filter(epoch__in=epochs)
    accounts = EpochAccount.objects.using(LEDGER).filter(epoch__in=epochs)
    return Known(
        ends={(one.node, one.epoch): one for one in ends},
        accounts={(one.node, one.epoch): one for one in accounts},
        heard={(one.node, one.epoch): one for one in heard_of(epochs=epochs)},
        latest=latest_processes(),
        accepted={one.epoch: one for one in accepted},
        not_in_lake={},
        dropped={},
    )


def _open_epochs() -> set[UUID]:
    """Name the epochs that have not ended, and those that told of more records than they ended with."""
    told, ends = numbered(), EpochEnd.objects.using(LEDGER).values_list("epoch", "last_sequence")
    ended: dict[UUID, int] = {}
    epochs = list(told)
    for start in range(0, len(epochs), _AT_ONCE):
        ended |= dict(ends.filter(epoch__in=epochs[start : start + _AT_ONCE]))
    open_ones = {epoch for epoch, journaled in told.items() if epoch not in ended or journaled > ended[epoch]}
    end = EpochEnd.objects.filter(epoch=OuterRef("epoch"))
    never_told = EpochAccount.objects.using(LEDGER).filter(~Exists(end)).values_list("epoch", flat=True)
    return open_ones | set(never_told)


def _uneven_epochs(since: datetime, until: datetime) -> set[UUID]:
    """Name the epochs of a range that have ended, and whose account is not plainly that of all their records."""
    same = F("last_sequence")
    even = EpochAccount.objects.filter(
        epoch=OuterRef("epoch"),
        node=OuterRef("node"),
        last_sequence=OuterRef("last_sequence"),
        collected=same,
        rolled_up=same,
    )
    owed = Q(accepted=None) | Q(accepted=same) | (Q(accepted__lt=same) & ~Q(end="clean"))
    whole = owed & ~Q(end=HOST_LOST) & (Exists(even) | Q(last_sequence=0))
    ended = EpochEnd.objects.using(LEDGER).filter(ended_at__gte=since, started_at__lt=until)
    return set(ended.filter(~whole).values_list("epoch", flat=True))


def _complete_until(one: Balance, known: Known) -> datetime:
    """Tell up to when the records of an epoch are in that more will come of: by its last word, or by what came last."""
    if one.spilled:
        before = Manifest.objects.using(LEDGER).filter(epoch=one.epoch, first_sequence__lt=one.spilled[0].first)
        last = before.order_by("-first_sequence").first()
        return _begun(one, known) if last is None else max(FIRST, nearest_time(last.ended_at_us)) - LAG
    life = (one.node, one.epoch)
    heard, account = known.heard.get(life), known.accounts.get(life)
    told = None if heard is None else heard.told
    if heard is not None and heard.told_at is not None and told is not None:
        if one.latest_sequence >= told.journaled:
            return heard.told_at - LAG
        # All that it handed over is in the ledger, nothing in the object store only: then its own word counts.
        if told.at_risk_since is not None and told.journaled - told.at_risk <= one.latest_sequence:
            return min(told.at_risk_since, heard.told_at) - LAG
    if account is not None and account.collected:
        return max(FIRST, nearest_time(account.ended_at_us)) - LAG
    return _begun(one, known)


def _touches(one: Balance, known: Known, since: datetime, until: datetime) -> bool:
    """Tell whether calls of the range may be among those of which there is no record."""
    ended_at = None if one.ended is None else one.ended.ended_at
    return _missing_since(one, known) < until and (ended_at is None or ended_at >= since)


def _missing_since(one: Balance, known: Known) -> datetime:
    account = known.accounts.get((one.node, one.epoch))
    only_the_last = one.collected == one.latest_sequence and one.verdict is not Verdict.UNEVEN
    if account is not None and account.collected and only_the_last:
        return max(FIRST, nearest_time(account.ended_at_us)) - LAG
    return _begun(one, known)


def _begun(one: Balance, known: Known) -> datetime:
    life = (one.node, one.epoch)
    end, heard = known.ends.get(life), known.heard.get(life)
    if end is not None:
        return end.started_at
    return FIRST if heard is None else heard.first_seen_at - LAG
