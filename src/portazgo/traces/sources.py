"""Where records are: in segments that are in the ledger only, or in files of the lake. In one of the two, never in both.

A segment is in the lake from the moment in which its manifest names a file. Both lists are read by one statement, so that
they are of one moment: no record is in neither, and none is in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections

from portazgo.usage.collector import LEDGER

MOST_SEGMENTS = 200
"""So many are listed for one page, the newest first; then the page is given as it is, and its cursor goes on from there."""
MOST_FILES = 2_000

_SEGMENTS = (
    "SELECT 0, id, started_at_us, ended_at_us, count, 0, 0, '' FROM usage_manifest "
    "WHERE lake_file_id IS NULL AND EXISTS (SELECT 1 FROM usage_segment WHERE manifest_id = usage_manifest.id) "
    "AND {which} ORDER BY ended_at_us DESC, id DESC LIMIT {most}"
)
_FILES = (
    "SELECT 1, id, min_started_at_us, max_started_at_us, rows, bytes, schema_version, path FROM lake_file "
    "WHERE replaced_at IS NULL AND rows > 0 AND {which} ORDER BY max_started_at_us DESC, id DESC LIMIT {most}"
)


@dataclass(frozen=True, slots=True)
class Source:
    """Some records that lie between two times, both included. `path` is "" for a segment."""

    id: int
    low_us: int
    high_us: int
    records: int
    bytes: int
    schema_version: int
    path: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What was there at one moment, each kind with the newest first. What was left off ends at or before `unlisted_us`."""

    segments: Sequence[Source]
    files: Sequence[Source]
    unlisted_us: int | None


def between(since_us: int | None, until_us: int | None, *, most_segments: int = MOST_SEGMENTS) -> Sources:
    """List what has records of this time, both ends included."""
    segments, files = ["1 = 1"], ["1 = 1"]
    values: dict[str, Any] = {}
    if until_us is not None:
        segments.append("started_at_us <= %(until)s")
        files.append("min_started_at_us <= %(until)s")
        values["until"] = until_us
    if since_us is not None:
        segments.append("ended_at_us >= %(since)s")
        files.append("max_started_at_us >= %(since)s")
        values["since"] = since_us
    return _listed(" AND ".join(segments), " AND ".join(files), values, most_segments)


def around(request_id: str, since_us: int, until_us: int) -> Sources:
    """List what may have a record of this id: segments of this time, files by the ids that are in them."""
    return _listed(
        "started_at_us <= %(until)s AND ended_at_us >= %(since)s",
        "min_request_id <= %(id)s AND max_request_id >= %(id)s",
        {"until": until_us, "since": since_us, "id": request_id},
    )


def _listed(segments: str, files: str, values: dict[str, Any], most_segments: int = MOST_SEGMENTS) -> Sources:
    # One more than is read: so that one knows of it.
    parts = (_SEGMENTS.format(which=segments, most=most_segments + 1), _FILES.format(which=files, most=MOST_FILES + 1))
    statement = " UNION ALL ".join(f"SELECT * FROM ({part}) AS part_{place}" for place, part in enumerate(parts))  # noqa: S608 - names of our own
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(statement, values)
        rows = cursor.fetchall()
    listed = [[_source(row) for row in rows if row[0] == kind] for kind in (0, 1)]
    unlisted = [
        one[most].high_us for one, most in zip(listed, (most_segments, MOST_FILES), strict=True) if len(one) > most
    ]
    return Sources(listed[0][:most_segments], listed[1][:MOST_FILES], max(unlisted, default=None))


def _source(row: Sequence[Any]) -> Source:
    identifier, low_us, high_us, records, size, version, path = row[1:]
    return Source(identifier, low_us, high_us, records, size, version, path)
