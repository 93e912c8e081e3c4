"""`/api/v1/partner-view`: what a partner may see of its own calls, and the tokens that open it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query, Router, Status

from portazgo.accounts.requests import AdminRequest
from portazgo.accounts.schemas import TokenShownOnce, TokenView
from portazgo.partner_view import documents, service
from portazgo.partner_view.schemas import (
    Call,
    CallsPage,
    CallsPageQuery,
    CreatePartnerToken,
    FollowedCalls,
    FollowQuery,
    PartnerDocuments,
    PartnerDocumentText,
    Sums,
    SumsQuery,
    WhoseQuery,
)
from portazgo.settings import current
from portazgo.traces import collection, following, listing
from portazgo.traces.positions import positions_of

router = Router(tags=["partner view"])

_EVENTS = {"responses": {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}}


@router.post("/partners/{uuid:partner_id}/tokens", response={201: TokenShownOnce})
def create_partner_token(request: AdminRequest, partner_id: UUID, body: CreatePartnerToken) -> Status[TokenShownOnce]:
    """Make a token that opens one partner's view and nothing else; the answer shows it this once."""
    row, token = service.new_token(
        request.actor, partner_id, body.name, clock=request.clock, expires_at=body.expires_at
    )
    return Status(201, TokenShownOnce(**TokenView.from_orm(row).model_dump(), token=token.reveal()))


@router.get("/partner-view/traces", response=CallsPage)
def list_partner_traces(request: AdminRequest, query: Query[CallsPageQuery]) -> dict[str, Any]:
    """List a partner's calls, newest first."""
    partner = service.whose(request.actor, query.as_partner)
    wanted = service.own_calls(partner, query.filter(), code=query.code)
    of = f"partner-view/{partner.id}/traces"
    return listing.page(wanted, query, service.tell, of=of, asker=request.actor.partner)


@router.get("/partner-view/traces/tail", response=FollowedCalls, openapi_extra=_EVENTS)
def tail_partner_traces(request: AdminRequest, query: Query[FollowQuery]) -> Any:
    """Follow a partner's calls: by server-sent events with `Accept: text/event-stream`, else page by page.

    An event `trace` holds one call. `Last-Event-ID` goes on after an event, so that nothing is missed and nothing comes twice.
    """
    partner = service.whose(request.actor, query.as_partner)
    wanted = service.own_calls(partner, query.filter(), code=query.code)
    whose = str(partner.id)
    if following.wants_events(request):
        return following.respond(request, wanted, service.tell, tell_skipped=service.tell_skipped, whose=whose)
    positions = positions_of(whose)
    position = collection.newest() if query.cursor is None else positions.decode(query.cursor)
    found = collection.collected_since(position, wanted, limit=query.limit)
    return {
        "items": service.tell(record for record, _ in found.records),
        "next_cursor": positions.encode(found.position),
        "skipped": found.skipped > 0,
    }


@router.get("/partner-view/traces/{uuid:request_id}", response=Call)
def show_partner_trace(request: AdminRequest, request_id: UUID, query: Query[WhoseQuery]) -> dict[str, Any]:
    """Tell one of a partner's calls by the id of its X-Request-Id."""
    partner = service.whose(request.actor, query.as_partner)
    return service.own_call(partner, request_id, asker=request.actor.partner)


@router.get("/partner-view/documents", response=PartnerDocuments)
def list_partner_documents(request: AdminRequest, query: Query[WhoseQuery]) -> dict[str, Any]:
    """List the versions of contracts that serve a partner's applications now."""
    return {"items": documents.documents_of(service.whose(request.actor, query.as_partner))}


@router.get("/partner-view/documents/{uuid:version_id}", response=PartnerDocumentText)
def show_partner_document(request: AdminRequest, version_id: UUID, query: Query[WhoseQuery]) -> dict[str, str]:
    """Give the OpenAPI document of a version that serves the partner: of the operations that its applications may call."""
    partner = service.whose(request.actor, query.as_partner)
    return {"document": documents.document_of(partner, version_id)}


@router.get("/partner-view/usage", response=Sums)
def partner_usage(request: AdminRequest, query: Query[SumsQuery]) -> dict[str, Any]:
    """Sum a partner's calls: by application, key, route, environment, code, billable; by periods."""
    partner = service.whose(request.actor, query.as_partner)
    zone = query.time_zone or current().time_zone
    return {"time_zone": zone, "items": service.own_sums(partner, query.question(), zone, request.clock.now())}
