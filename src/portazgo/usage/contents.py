"""A segment's bytes: in its row of the ledger, or in an object whose name is in that row. Nobody else looks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections

from portazgo.kit.errors import Unavailable
from portazgo.kit.objects import ObjectMissing, ObjectsFailed
from portazgo.usage.models import LEDGER, Manifest, SegmentContent
from portazgo.usage.objects import object_store

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

FOLDER = "segments/"
SUM_BYTES = 32


class SegmentLost(Unavailable):
    """The object of a segment's bytes is missing, or is not what was written: asking again changes nothing."""


def place_of(epoch: UUID, first: int, sum_of_content: str) -> str:
    """Name the object of a segment: the same for the same bytes, however often they come."""
    return f"{FOLDER}{epoch}/{first:019}-{sum_of_content[:16]}"


def segment_bytes(manifest: int) -> bytes | None:
    """Read a segment by the number of its manifest; None: its bytes are not kept any more.

    Raises Unavailable (`objects_unavailable`) where they are in the object store and it does not give them; SegmentLost,
    which is one too, where it has them no more.
    """
    row = SegmentContent.objects.using(LEDGER).filter(manifest_id=manifest).first()
    if row is None:
        return None
    return _of_object(row) if row.place else bytes(row.content)


def keep_content(manifest: Manifest, content: bytes, place: str) -> None:
    """Write down the bytes, or where they are, within the transaction of the manifest."""
    kept = b"" if place else content
    if connections[LEDGER].vendor == "postgresql":
        _keep_binary(manifest, kept, place)
    else:
        SegmentContent.objects.using(LEDGER).create(manifest=manifest, content=kept, place=place)


def _keep_binary(manifest: Manifest, content: bytes, place: str) -> None:
    """Send the bytes as they are: Django's cursor writes them into the statement, twice as long, and escaped."""
    from psycopg import Cursor  # noqa: PLC0415 - only with PostgreSQL

    ours = connections[LEDGER]
    ours.ensure_connection()
    with ours.wrap_database_errors, Cursor(ours.connection) as cursor:
        cursor.execute(
            "INSERT INTO usage_segment (manifest_id, content, place) VALUES (%s, %b, %s)",
            (manifest.id, content, place),
        )


def forget_contents(manifests: Iterable[int]) -> int:
    """Drop the bytes of these segments; calling it again changes nothing. Returns how many were there.

    Objects go first: a row without an object is dropped by the next call, an object without a row would stay for ever.
    Raises ObjectsFailed.
    """
    rows = SegmentContent.objects.using(LEDGER).filter(manifest_id__in=list(manifests))
    for place in rows.exclude(place="").values_list("place", flat=True):
        object_store().delete(place)
    return rows.delete()[0]


def _of_object(row: SegmentContent) -> bytes:
    try:
        content = object_store().get(row.place)
    except ObjectMissing as problem:
        raise SegmentLost(problem.sentence, code="objects_unavailable", remedy=problem.remedy) from None
    except ObjectsFailed as problem:
        raise Unavailable(problem.sentence, code="objects_unavailable", remedy=problem.remedy) from None
    # A segment ends with the sum of what stands before it, which whoever decodes it compares.
    if content[-SUM_BYTES:].hex() != row.manifest.sha256:
        raise SegmentLost(
            f"the object {row.place} is not what was written",
            code="objects_unavailable",
            remedy="bring it back from a copy of the object store",
        )
    return content
