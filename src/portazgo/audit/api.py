"""`/api/v1/audit`: who changed what, and whether that record is whole."""

from __future__ import annotations

from django.db.models import Q
from ninja import Query, Router

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.audit import service
from portazgo.audit.models import AuditRow
from portazgo.audit.schemas import (
    ActorView,
    AuditQuery,
    AuditView,
    DifferenceView,
    EraseRow,
    VerifiedView,
    VerifyChain,
)
from portazgo.audit.verify import Place, Verified, verify
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.schemas import PageOf

router = Router(tags=["audit"])


@router.get("/audit", response=PageOf[AuditView])
def list_audit(request: AdminRequest, query: Query[AuditQuery]) -> Page[AuditView]:
    """List what was changed, newest first."""
    can(request.actor, Verb.READ, AuditRow.noun)
    rows = AuditRow.objects.all()
    if query.subject is not None:
        rows = rows.filter(subject=query.subject)
    if query.action is not None:
        rows = rows.filter(action=query.action)
    if query.actor is not None:
        rows = rows.filter(Q(actor_id=query.actor) | Q(actor_name=query.actor))
    if query.address is not None:
        rows = rows.filter(address=query.address)
    if query.since is not None:
        rows = rows.filter(at__gte=query.since)
    if query.until is not None:
        rows = rows.filter(at__lt=query.until)
    return page_of(rows, query, _view, order=("-number",))


@router.post("/audit/verify", response=VerifiedView)
def verify_audit(request: AdminRequest, body: VerifyChain) -> Verified:
    """Verify a part of the chain: every row that was changed, taken out, put in or moved is named. Changes nothing."""
    can(request.actor, Verb.READ, AuditRow.noun)
    after = Place() if body.after is None else Place(body.after.number, body.after.hash)
    return verify(after, body.limit, [Place(head.number, head.hash) for head in body.heads])


@router.post("/audit/{int:number}/erase", response=AuditView)
def erase_audit_row(request: AdminRequest, number: int, body: EraseRow) -> AuditView:
    """Take who and what out of a row, for good; its place in the chain stays, and a row says that this was done."""
    return _view(service.erase(request.actor, number, body.reason, clock=request.clock))


def _view(row: AuditRow) -> AuditView:
    return AuditView(
        id=row.id,
        number=row.number,
        at=row.at,
        actor=ActorView(kind=row.actor_kind, id=row.actor_id, name=row.actor_name),
        address=row.address,
        action=row.action,
        subject=row.subject,
        revision=row.revision,
        request_id=row.request_id,
        details=row.details,
        changes=[DifferenceView(**one) for one in row.changes],
        form=row.form,
        personal_digest=row.personal,
        digest=row.digest,
        hash=row.hash,
        erased_at=row.erased_at,
    )
