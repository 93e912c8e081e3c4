"""`/api/v1/tokens`: admin tokens."""

from __future__ import annotations

from uuid import UUID

from ninja import Query, Router, Status

from portazgo.accounts import service
from portazgo.accounts.domain import Verb, can
from portazgo.accounts.models import AdminToken
from portazgo.accounts.requests import AdminRequest
from portazgo.accounts.schemas import CreateToken, TokenShownOnce, TokenView
from portazgo.kit.paging import Page
from portazgo.kit.web.lists import page_of
from portazgo.kit.web.schemas import PageOf, PageQuery

router = Router(tags=["tokens"])


@router.get("/tokens", response=PageOf[TokenView])
def list_tokens(request: AdminRequest, page: Query[PageQuery]) -> Page[AdminToken]:
    """List the admin tokens, newest first."""
    can(request.actor, Verb.READ, AdminToken.noun)
    return page_of(AdminToken.objects.all(), page, lambda row: row, order=("-id",))


@router.post("/tokens", response={201: TokenShownOnce})
def create_token(request: AdminRequest, body: CreateToken) -> Status[TokenShownOnce]:
    """Make an admin token; the answer shows it this once."""
    row, token = service.create_token(
        request.actor, body.name, frozenset(body.scopes), clock=request.clock, expires_at=body.expires_at
    )
    shown = TokenView.from_orm(row).model_dump()
    return Status(201, TokenShownOnce(**shown, token=token.reveal()))


@router.post("/tokens/{uuid:token_id}/revoke", response=TokenView)
def revoke_token(request: AdminRequest, token_id: UUID) -> AdminToken:
    """End an admin token at once."""
    return service.revoke_token(request.actor, token_id, clock=request.clock)
