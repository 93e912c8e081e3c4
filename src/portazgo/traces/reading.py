"""Finds records in collected segments: newest first with a cursor, in the order of collection, or one by its id.

A segment is decoded by the native module and kept for a while: the pages that people look at are the newest ones.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from portazgo import _native
from portazgo.traces.domain import Filter, Record, place
from portazgo.usage.collector import LEDGER
from portazgo.usage.contents import segment_bytes
from portazgo.usage.models import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_SEGMENTS_PER_PAGE = 200
"""So much is looked through for one page; then the page is given as it is, and its cursor goes on from there."""
KEPT_RECORDS = 5_000
"""Decoded, for whoever looks again: about 1.7 KB each, and the control plane promises to stay small."""
MANIFESTS_AT_ONCE = 50
CLOCK_SLACK_US = 120_000_000
"""A request id carries the millisecond of its node's clock; manifests are looked for around it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of records; `capped`: there may be more of what was asked for further back than was looked through."""

    records: list[Record]
    next_place: tuple[int, str] | None
    capped: bool


class _Decoded:
    """Decoded segments, the least recently used go first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._segments: OrderedDict[int, list[Record]] = OrderedDict()
        self._records = 0

    def get(self, manifest: int) -> list[Record]:
        with self._lock:
            if manifest in self._segments:
                self._segments.move_to_end(manifest)
                return self._segments[manifest]
        content = segment_bytes(manifest)
        records: list[Record] = [] if content is None else list(_native.decode_segment(content))
        with self._lock:
            self._segments[manifest] = records
            self._records += len(records)
            while self._records > KEPT_RECORDS and len(self._segments) > 1:
                _, oldest = self._segments.popitem(last=False)
                self._records -= len(oldest)
        return records


_decoded = _Decoded()


def by_request_id(request_id: UUID) -> Record | None:
    """Find the record of a request, or None. Only segments around the id's own time are read."""
    moment_us = (request_id.int >> 80) * 1000
    manifests = Manifest.objects.using(LEDGER).filter(
        ended_at_us__gte=moment_us - CLOCK_SLACK_US, started_at_us__lte=moment_us + CLOCK_SLACK_US
    )
    text = str(request_id)
    for manifest in manifests.order_by("-ended_at_us", "-id").values_list("id", flat=True):
        for record in _decoded.get(manifest):
            if record["request_id"] == text:
                return record
    return None


def newest_first(wanted: Filter, *, limit: int, before: tuple[int, str] | None, since_us: int | None) -> Found:
    """List records, newest first, that lie before a place and not before `since_us`."""
    pool: list[Record] = []
    read = 0
    manifests = _manifests(before, since_us)
    upcoming = next(manifests, None)
    while upcoming is not None and read < MOST_SEGMENTS_PER_PAGE:
        records = _decoded.get(upcoming[0])
        pool += [record for record in records if _within(record, before, since_us) and wanted.admits(record)]
        read += 1
        upcoming = next(manifests, None)
        # What began after everything that is still unread ended can't be overtaken any more.
        settled = [record for record in pool if upcoming is None or record["started_at_us"] > upcoming[1]]
        if len(settled) >= limit:
            pool = settled
            break
    pool.sort(key=place, reverse=True)
    capped = upcoming is not None and len(pool) < limit
    if capped and upcoming is not None:
        # The page ends where reading ended, so that the next one begins there.
        shown = [record for record in pool if record["started_at_us"] > upcoming[1]]
        return Found(shown, (upcoming[1] + 1, ""), capped=True)
    shown = pool[:limit]
    more = len(pool) > limit or upcoming is not None
    return Found(shown, place(shown[-1]) if shown and more else None, capped=False)


def after_collection(wanted: Filter, *, after: int | None, limit: int) -> tuple[list[Record], int]:
    """List records in the order in which they were collected, and the place to go on from; for following along.

    `after` None begins with the newest segment.
    """
    manifests = Manifest.objects.using(LEDGER).order_by("id")
    if after is None:
        newest = manifests.last()
        after = newest.id - 1 if newest is not None else 0
    records: list[Record] = []
    for manifest in manifests.filter(id__gt=after).values_list("id", flat=True)[:MANIFESTS_AT_ONCE]:
        records += [record for record in _decoded.get(manifest) if wanted.admits(record)]
        after = manifest
        if len(records) >= limit:
            break
    return records, after


def _manifests(before: tuple[int, str] | None, since_us: int | None) -> Iterator[tuple[int, int]]:
    rows = Manifest.objects.using(LEDGER).filter(count__gt=0)
    if before is not None:
        rows = rows.filter(started_at_us__lte=before[0])
    if since_us is not None:
        rows = rows.filter(ended_at_us__gte=since_us)
    yield from rows.order_by("-ended_at_us", "-id").values_list("id", "ended_at_us").iterator(MANIFESTS_AT_ONCE)


def _within(record: Record, before: tuple[int, str] | None, since_us: int | None) -> bool:
    here: tuple[Any, Any] = place(record)
    return (before is None or here < before) and (since_us is None or here[0] >= since_us)
