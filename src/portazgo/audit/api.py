"""`/api/v1/audit`: who changed what."""

from __future__ import annotations

from ninja import Query, Router

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.audit.models import AuditRow
from portazgo.audit.schemas import ActorView, AuditQuery, AuditView
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
    return page_of(rows, query, _view, order=("-id",))


def _view(row: AuditRow) -> AuditView:
    return AuditView(
        id=row.id,
        at=row.at,
        actor=ActorView(kind=row.actor_kind, id=row.actor_id, name=row.actor_name),
        action=row.action,
        subject=row.subject,
        revision=row.revision,
        request_id=row.request_id,
        details=row.details,
    )
