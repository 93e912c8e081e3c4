"""`/api/v1/traces`: what happened to calls."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from ninja import Query, Router

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.traces import collection, following, listing, service
from portazgo.traces.schemas import TailPage, TailQuery, Trace, TracePage, TracesQuery

router = Router(tags=["traces"])
NOUN = "traces"


@router.get("/traces", response=TracePage)
def list_traces(request: AdminRequest, query: Query[TracesQuery]) -> dict[str, Any]:
    """List calls, newest first; with `count=true` say how many there are, as far as 10,000."""
    can(request.actor, Verb.READ, NOUN)
    return listing.page(service.matching(query.filter()), query, service.tell, of=NOUN, caller=query.caller())


_EVENTS = {"responses": {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}}


@router.get("/traces/tail", response=TailPage, openapi_extra=_EVENTS)
def tail_traces(request: AdminRequest, query: Query[TailQuery]) -> Any:
    """Follow calls in the order of collection: by server-sent events with `Accept: text/event-stream`, else page by page.

    An event `trace` holds one call. `Last-Event-ID` goes on after an event, so that nothing is missed and nothing comes twice.
    """
    can(request.actor, Verb.READ, NOUN)
    wanted = service.matching(query.filter())
    if following.wants_events(request):
        return following.respond(request, wanted, service.tell)
    position = collection.newest() if query.after is None else collection.Position.after(query.after)
    found = collection.collected_since(position, wanted, limit=query.limit)
    return {
        "items": service.tell(record for record, _ in found.records),
        "next_after": found.position.manifest - 1,
        "skipped": found.skipped,
    }


@router.get("/traces/{uuid:request_id}", response=Trace)
def show_trace(request: AdminRequest, request_id: UUID) -> dict[str, Any]:
    """Tell one call by the id of its X-Request-Id."""
    can(request.actor, Verb.READ, NOUN)
    return service.show(request_id)
