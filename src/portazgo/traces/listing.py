"""A page of calls as it crosses HTTP, for operators and partners alike: cursor, count, items as each may see them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Protocol

from portazgo.kit.clock import microseconds
from portazgo.kit.paging import cursor_invalid, decode_cursor, encode_cursor
from portazgo.partners.callers import Caller
from portazgo.traces import reading
from portazgo.traces.domain import Filter, Record


class Asked(Protocol):
    """What a page is asked for with."""

    limit: int
    cursor: str | None
    since: datetime | None
    until: datetime | None
    count: bool


def page(
    wanted: Filter,
    asked: Asked,
    tell: Callable[[Iterable[Record]], list[dict[str, Any]]],
    *,
    of: str,
    asker: str | None = None,
    caller: Caller | None = None,
) -> dict[str, Any]:
    """Find a page and tell it. Raises Invalid, Unavailable.

    `of`: the list that its cursor belongs to. `asker`: the partner whose token asks; None: an operator's. `caller`: from where
    the calls came, for operators only.
    """
    since_us = None if asked.since is None else microseconds(asked.since)
    # No record stands before the empty id: what began at that very time is not before it.
    until = None if asked.until is None else (microseconds(asked.until), "")
    before = _place(asked.cursor, of) or until
    found = reading.newest_first(
        wanted, limit=asked.limit, before=before, since_us=since_us, asker=asker, caller=caller
    )
    counted = (
        reading.count(wanted, before=until, since_us=since_us, asker=asker, caller=caller) if asked.count else None
    )
    return {
        "items": tell(found.records),
        "next_cursor": None if found.next_place is None else encode_cursor(found.next_place, of=of),
        "capped": found.capped,
        "count": None if counted is None else {"value": counted.value, "capped": counted.capped},
    }


def _place(cursor: str | None, of: str) -> tuple[int, str] | None:
    if cursor is None:
        return None
    started_at_us, request_id = decode_cursor(cursor, 2, of=of)
    if not isinstance(started_at_us, int) or not isinstance(request_id, str):
        raise cursor_invalid()
    return started_at_us, request_id
