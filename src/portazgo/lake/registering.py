"""Makes a verified file part of the lake: one transaction each, which holds only while nobody else was faster.

A file is noted before its first byte (`LakeWrite`). Whoever dies leaves that note, and after a while the file is given up:
the note is marked first, and a file whose note is marked can't be registered any more, however late its writer wakes up.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import transaction

from portazgo.kit.ids import uuid7
from portazgo.lake.columns import SCHEMA_VERSION
from portazgo.lake.models import LakeFile, LakeWrite
from portazgo.usage.collector import LEDGER
from portazgo.usage.models import Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portazgo.kit.objects import ObjectStore

GIVEN_UP_AFTER = timedelta(minutes=15)
_IDS_AT_ONCE = 500


class Overtaken(Exception):
    """Another worker was faster, or this one was given up: the file is none of the lake's."""


def note_write(day: date, now: datetime) -> str:
    """Note that a file is being written. Returns its name in the store."""
    path = f"lake/day={day.isoformat()}/{uuid7()}.parquet"
    LakeWrite.objects.using(LEDGER).create(path=path, begun_at=now)
    return path


def register_written(
    path: str, day: date, told: Mapping[str, Any], manifests: Sequence[int], now: datetime
) -> LakeFile:
    """Make a file part of the lake, and have its segments' manifests name it. Raises Overtaken: nothing was done."""
    with transaction.atomic(using=LEDGER):
        _take_note(path)
        file = _file(path, day, told, now, level=0, segments=len(manifests))
        linked = 0
        for start in range(0, len(manifests), _IDS_AT_ONCE):
            rows = Manifest.objects.using(LEDGER).filter(id__in=manifests[start : start + _IDS_AT_ONCE])
            linked += rows.filter(lake_file__isnull=True).update(lake_file=file)
        if linked != len(manifests):
            raise Overtaken(f"{len(manifests) - linked} segments are in another file of the lake")
    return file


def register_merged(path: str, told: Mapping[str, Any], replaced: Sequence[LakeFile], now: datetime) -> LakeFile:
    """Put a file in the place of others. Raises Overtaken: nothing was done."""
    with transaction.atomic(using=LEDGER):
        _take_note(path)
        file = _file(
            path,
            replaced[0].day,
            told,
            now,
            level=max(one.level for one in replaced) + 1,
            segments=sum(one.segments for one in replaced),
            dropped_rows=sum(one.dropped_rows + one.rows for one in replaced) - told["rows"],
        )
        swapped = LakeFile.objects.using(LEDGER).filter(id__in=[one.id for one in replaced], replaced_at__isnull=True)
        if swapped.update(replaced_at=now, replaced_by=file) != len(replaced):
            raise Overtaken("some of the files were replaced meanwhile")
    return file


def give_up_old(store: ObjectStore, now: datetime) -> int:
    """Give up what nobody finished. Returns how many files that were.

    The note stays as long again: a writer that was asleep may still finish its upload, and what it leaves is deleted too.
    """
    notes = LakeWrite.objects.using(LEDGER)
    notes.filter(begun_at__lte=now - GIVEN_UP_AFTER, abandoned_at__isnull=True).update(abandoned_at=now)
    given_up = list(notes.filter(abandoned_at__isnull=False))
    for note in given_up:
        store.delete(note.path)
    notes.filter(abandoned_at__lte=now - GIVEN_UP_AFTER, path__in=[note.path for note in given_up]).delete()
    return len(given_up)


def _take_note(path: str) -> None:
    taken, _ = LakeWrite.objects.using(LEDGER).filter(path=path, abandoned_at__isnull=True).delete()
    if not taken:
        raise Overtaken("it took so long that it was given up")


def _file(path: str, day: date, told: Mapping[str, Any], now: datetime, **more: int) -> LakeFile:
    return LakeFile.objects.using(LEDGER).create(
        path=path, day=day, schema_version=SCHEMA_VERSION, written_at=now, **told, **more
    )
