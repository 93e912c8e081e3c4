"""`/api/v1/usage/balance` and what belongs to it: gaps that are accepted, nodes that are declared lost, metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from django.http import HttpResponse
from django.utils.module_loading import import_string
from ninja import Query, Router

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.clock import nearest_time
from portazgo.usage import gaps
from portazgo.usage.balance import balances, told_at, totals, with_gaps
from portazgo.usage.domain import Balance, Gap, Verdict
from portazgo.usage.metrics import exposition
from portazgo.usage.models import Manifest
from portazgo.usage.schemas import (
    AcceptanceView,
    AcceptGap,
    BalanceQuery,
    BalanceReport,
    BalanceView,
    DeclareLost,
    GapView,
    LostView,
    SpilledView,
    SumsView,
    TotalsView,
    WholeView,
)
from portazgo.usage.spill_state import waiting

if TYPE_CHECKING:
    from collections.abc import Sequence

# What upper parts add to the metrics: functions of a moment that write in the same format.
FURTHER_METRICS = ("portazgo.lake.metrics.exposition",)

router = Router(tags=["usage"])

MOST_LISTED = 1_000
"""Of those that are not in order; there is more to see to then than anybody reads."""
_TEXT = {"responses": {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}}


@router.get("/usage/balance", response=BalanceReport)
def usage_balance(request: AdminRequest, query: Query[BalanceQuery]) -> BalanceReport:
    """Account for every record: numbered by its node, collected, summed up; what is missing is named."""
    can(request.actor, Verb.READ, Manifest.noun)
    now = request.clock.now()
    told = told_at(now, query.node)
    found = balances(now, query.node)
    listed, left_off = _listed(found, query.limit)
    whole = all(one.verdict.balances for one in found)
    requests, spilled = None, None
    if query.node is None:
        spilled = SpilledView.model_validate(waiting(), from_attributes=True)
        sums = totals()
        requests = TotalsView(collected=sums.collected, summed_up=list(sums.summed_up), balanced=sums.balanced)
        whole = whole and sums.balanced
    return BalanceReport(
        as_of=now,
        told_at=told,
        items=[balance_view(with_gaps(one, now)) for one in listed],
        left_off=left_off,
        records=_sums(found),
        requests=requests,
        spilled=spilled,
        balanced=whole,
    )


@router.post("/usage/epochs/{uuid:epoch}/accept-gap", response=BalanceView)
def accept_gap(request: AdminRequest, epoch: UUID, body: AcceptGap) -> BalanceView:
    """Accept that records of an epoch are missing, or may be; what is missing later is not covered."""
    return balance_view(gaps.accept_gap(request.actor, epoch, body.reason, clock=request.clock))


@router.post("/nodes/{uuid:node_id}/lost", response=LostView, tags=["nodes"])
def declare_node_lost(request: AdminRequest, node_id: UUID, body: DeclareLost) -> LostView:
    """Declare that a node and its disk are gone: its epochs end `host_lost`, with the time for which records are at risk."""
    lost = gaps.declare_lost(request.actor, node_id, body.died_at, clock=request.clock)
    return LostView(items=[balance_view(one) for one in lost])


@router.get("/usage/metrics", openapi_extra=_TEXT)
def usage_metrics(request: AdminRequest) -> HttpResponse:
    """Give the balance, and how far the lake is, as metrics, in Prometheus' text format (docs/metrics.md)."""
    can(request.actor, Verb.READ, Manifest.noun)
    now = request.clock.now()
    page = exposition(balances(now), totals(), waiting())
    for place in FURTHER_METRICS:
        page += import_string(place)(now)
    return HttpResponse(page, content_type="text/plain; version=0.0.4; charset=utf-8")


def balance_view(one: Balance) -> BalanceView:
    """Show an epoch's account."""
    accepted = one.acceptance
    return BalanceView(
        node=one.node,
        label=one.label,
        epoch=one.epoch,
        verdict=one.verdict.value,
        state=one.living.value if one.ended is None else one.ended.end,  # type: ignore[arg-type]  # validated when it came
        declared=one.ended is not None and one.ended.declared,
        accepted=one.accepted,
        journaled=one.journaled,
        collected=one.collected,
        rolled_up=one.rolled_up,
        in_lake=one.in_lake,
        dropped=one.dropped,
        under_way=one.under_way,
        spilled=one.spilled_records,
        missing_records=one.missing_records,
        missing=[_gap(gap) for gap in one.missing],
        seconds_at_risk=one.seconds_at_risk,
        acceptance=None
        if accepted is None
        else AcceptanceView(
            missing=accepted.missing,
            seconds_at_risk=accepted.seconds_at_risk,
            reason=accepted.reason,
            by=accepted.by,
            at=accepted.at,
        ),
        balanced=one.verdict.balances,
    )


def _gap(gap: Gap) -> GapView:
    since, until = (None if moment is None else nearest_time(moment) for moment in (gap.since_us, gap.until_us))
    return GapView(first=gap.run.first, last=gap.run.last, since=since, until=until)


def _listed(found: Sequence[Balance], most_whole: int) -> tuple[list[Balance], WholeView]:
    apart = [one for one in found if one.verdict not in {Verdict.WHOLE, Verdict.ACCEPTED}]
    settled = [one for one in found if one.verdict in {Verdict.WHOLE, Verdict.ACCEPTED}]
    left_off = settled[most_whole:]
    return (
        [*apart[:MOST_LISTED], *settled[:most_whole]],
        WholeView(epochs=len(left_off), records=sum(one.collected for one in left_off)),
    )


def _sums(found: Sequence[Balance]) -> SumsView:
    return SumsView(
        journaled=sum(one.journaled for one in found),
        collected=sum(one.collected for one in found),
        rolled_up=sum(one.rolled_up for one in found),
        in_lake=sum(one.in_lake for one in found),
        dropped=sum(one.dropped for one in found),
        under_way=sum(one.under_way for one in found),
        missing=sum(one.missing_records for one in found),
    )
