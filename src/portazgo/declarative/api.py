"""`/api/v1/declarative/…`: portazgo.yaml as a document. Files, includes and imports are read by the command line."""

from __future__ import annotations

from ninja import Query, Router

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.declarative import service
from portazgo.declarative.models import Apply
from portazgo.declarative.planning import Outcome
from portazgo.declarative.schemas import (
    AppliesQuery,
    ApplyDocument,
    ApplyView,
    ApplyWithDocument,
    CheckDocument,
    CheckReport,
    ConfigurationPlan,
    DiffDocument,
    Exported,
    ExportQuery,
    OutcomeView,
    RollBack,
)
from portazgo.declarative.writing import Hand
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.rows import the_one
from portazgo.kit.web.schemas import PageOf

router = Router(tags=["declarative"])


@router.post("/declarative/check", response=CheckReport)
def check_document(request: AdminRequest, body: CheckDocument) -> CheckReport:
    """Find all that is wrong with a document, what stands against applying it included."""
    return CheckReport.of(service.check(request.actor, body.document))


@router.post("/declarative/diff", response=ConfigurationPlan)
def diff_document(request: AdminRequest, body: DiffDocument) -> ConfigurationPlan:
    """Plan an apply: what it exposes, what it breaks and for whom, the rest."""
    return ConfigurationPlan.of(service.diff(request.actor, body.document, body.takeover()))


@router.post("/declarative/apply", response=OutcomeView)
def apply_document(request: AdminRequest, body: ApplyDocument) -> OutcomeView:
    """Make things as the document says: all of it as one revision, or nothing."""
    order = service.Order(body.document, body.takeover(), body.fingerprint, body.confirmed)
    return OutcomeView.of(service.apply(order, hand=_hand(request)))


@router.get("/declarative/applies", response=PageOf[ApplyView])
def list_applies(request: AdminRequest, query: Query[AppliesQuery]) -> Page[Apply]:
    """List what was applied, newest first."""
    can(request.actor, Verb.READ, Apply.noun)
    rows = Apply.objects.defer("document")
    return page_of(
        rows.filter(owner=query.name) if query.name is not None else rows, query, lambda row: row, order=("-number",)
    )


@router.get("/declarative/applies/{int:number}", response=ApplyWithDocument)
def show_apply(request: AdminRequest, number: int) -> Apply:
    """Show an apply with the document that it carried out."""
    can(request.actor, Verb.READ, Apply.noun)
    return the_one(Apply.objects.all(), "apply", number=number)


@router.post("/declarative/rollback", response=OutcomeView)
def roll_back(request: AdminRequest, body: RollBack) -> OutcomeView:
    """Make things as an earlier apply left them: its document, applied anew; with `dry_run` only say what would be."""
    target = service.rolled_back(request.actor, body.to, body.name)
    order = service.back_to(target, fingerprint=body.fingerprint, confirmed=body.confirmed)
    if body.dry_run:
        plan = service.diff(request.actor, order.document, order.takeover)
        return OutcomeView.of(Outcome(plan), target.number)
    return OutcomeView.of(service.apply(order, hand=_hand(request)), target.number)


@router.get("/declarative/export", response=Exported)
def export_document(request: AdminRequest, query: Query[ExportQuery]) -> Exported:
    """Write all that there is as a document."""
    return Exported(document=service.export(request.actor, query.name))


def _hand(request: AdminRequest) -> Hand:
    return Hand(request.actor, request.clock, request.wrapper)
