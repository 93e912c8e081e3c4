"""`/api/v1/usage`: sums of calls, and the balance of records."""

from __future__ import annotations

from ninja import Query, Router

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.usage import service
from portazgo.usage.models import Manifest
from portazgo.usage.schemas import BalanceQuery, BalanceReport, BalanceView, RunView, UsageQuery, UsageReport, UsageSum

router = Router(tags=["usage"])


@router.get("/usage", response=UsageReport)
def usage_report(request: AdminRequest, query: Query[UsageQuery]) -> UsageReport:
    """Sum calls by minute rollups."""
    can(request.actor, Verb.READ, Manifest.noun)
    rows = service.sums(list(dict.fromkeys(query.group_by)), query.since, query.until)
    return UsageReport(items=[UsageSum(**row) for row in rows])


@router.get("/usage/balance", response=BalanceReport)
def usage_balance(request: AdminRequest, query: Query[BalanceQuery]) -> BalanceReport:
    """Account for every record: numbered by its node, collected, summed up; what is missing is named."""
    can(request.actor, Verb.READ, Manifest.noun)
    balances = service.balance(query.node)
    items = [
        BalanceView(
            node=one.node,
            epoch=one.epoch,
            end=one.end,
            last_sequence=one.last_sequence,
            collected=one.collected,
            rolled_up=one.rolled_up,
            missing=[RunView(first=run.first, last=run.last) for run in one.missing],
            balanced=one.balanced,
        )
        for one in balances
    ]
    return BalanceReport(items=items, balanced=all(item.balanced for item in items))
