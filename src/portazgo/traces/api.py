"""`/api/v1/traces`: what happened to calls."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Query, Router

from portazgo.accounts.domain import Verb, can
from portazgo.accounts.requests import AdminRequest
from portazgo.kit.clock import microseconds
from portazgo.kit.paging import cursor_invalid, decode_cursor, encode_cursor
from portazgo.traces import reading, service
from portazgo.traces.schemas import TailPage, TailQuery, Trace, TracePage, TracesQuery

router = Router(tags=["traces"])
NOUN = "traces"


@router.get("/traces", response=TracePage)
def list_traces(request: AdminRequest, query: Query[TracesQuery]) -> dict[str, Any]:
    """List calls, newest first."""
    can(request.actor, Verb.READ, NOUN)
    found = reading.newest_first(
        service.matching(query.filter()),
        limit=query.limit,
        before=_place(query.cursor) or _before(query.until),
        since_us=None if query.since is None else microseconds(query.since),
    )
    cursor = None if found.next_place is None else encode_cursor(found.next_place, of=NOUN)
    return {"items": service.tell(found.records), "next_cursor": cursor, "capped": found.capped}


@router.get("/traces/tail", response=TailPage)
def tail_traces(request: AdminRequest, query: Query[TailQuery]) -> dict[str, Any]:
    """List calls in the order of collection, so that polling with `after` misses none."""
    can(request.actor, Verb.READ, NOUN)
    records, after = reading.after_collection(service.matching(query.filter()), after=query.after, limit=query.limit)
    return {"items": service.tell(records), "next_after": after}


@router.get("/traces/{uuid:request_id}", response=Trace)
def show_trace(request: AdminRequest, request_id: UUID) -> dict[str, Any]:
    """Tell one call by the id of its X-Request-Id."""
    can(request.actor, Verb.READ, NOUN)
    return service.show(request_id)


def _before(until: datetime | None) -> tuple[int, str] | None:
    # No record stands before the empty id: what began at that very time is not before it.
    return None if until is None else (microseconds(until), "")


def _place(cursor: str | None) -> tuple[int, str] | None:
    if cursor is None:
        return None
    started_at_us, request_id = decode_cursor(cursor, 2, of=NOUN)
    if not isinstance(started_at_us, int) or not isinstance(request_id, str):
        raise cursor_invalid()
    return started_at_us, request_id
