"""Removes what is not needed any more: bytes of segments that are in the lake, files that others have replaced."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Q

from portazgo.kit.clock import from_microseconds, microseconds
from portazgo.lake.models import LakeFile
from portazgo.usage.collector import LEDGER
from portazgo.usage.contents import forget_contents
from portazgo.usage.models import SegmentContent

if TYPE_CHECKING:
    from portazgo.kit.objects import ObjectStore
    from portazgo.settings import Settings

SEGMENTS_AT_ONCE = 100
"""A transaction: some ten milliseconds of SQLite's writer."""
FILES_AT_ONCE = 200


def forget_segments(settings: Settings, now: datetime) -> int:
    """Drop bytes of segments whose records are in the lake, a few; the youngest are left for what is looked at most."""
    before = microseconds(now - settings.segments_kept)
    old = SegmentContent.objects.using(LEDGER).filter(
        manifest__lake_file__isnull=False, manifest__ended_at_us__lt=before
    )
    manifests = list(old.values_list("manifest_id", flat=True)[:SEGMENTS_AT_ONCE])
    return forget_contents(manifests) if manifests else 0


def retire_before(moment: datetime, now: datetime) -> int:
    """Take files out of the lake whose calls all began before a moment; they are deleted later. Returns how many."""
    files = LakeFile.objects.using(LEDGER).filter(began_before(microseconds(moment)), replaced_at__isnull=True)
    return files.update(replaced_at=now)


def began_before(moment_us: int) -> Q:
    """Choose files whose calls all began before a moment.

    No call begins after the day of its end, whatever a node's clock said: one that says so must not keep the others.
    """
    return Q(max_started_at_us__lt=moment_us) | Q(day__lt=from_microseconds(moment_us).date())


def delete_replaced(settings: Settings, store: ObjectStore, now: datetime) -> int:
    """Delete files from the store that are no part of the lake any more, and that no reader can still mean."""
    files = LakeFile.objects.using(LEDGER).filter(
        replaced_at__lte=now - settings.lake_replaced_kept, deleted_at__isnull=True
    )
    deleted = 0
    for file in files.order_by("replaced_at")[:FILES_AT_ONCE]:
        store.delete(file.path)
        LakeFile.objects.using(LEDGER).filter(id=file.id).update(deleted_at=now)
        deleted += 1
    return deleted
