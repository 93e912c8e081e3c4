"""Tells of the lake: how much there is, and what is on its way."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Min, QuerySet, Sum

from portazgo.kit.clock import microseconds, nearest_time
from portazgo.kit.objects.uri import S3, Folder
from portazgo.lake.models import LakeFile, LakeWrite
from portazgo.usage.collector import LEDGER
from portazgo.usage.models import Manifest, SegmentContent


@dataclass(frozen=True, slots=True)
class Day:
    """What is of one day."""

    day: date
    files: int
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Collected segments that are not in the lake yet."""

    segments: int
    records: int
    oldest_ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Lake:
    """The whole. `leaving`: files that others replaced and that are deleted later; `writing`: files under way."""

    days: list[Day]
    waiting: Waiting
    segments_kept: int
    leaving: int
    writing: int


def lake() -> Lake:
    """Look at the tables; the store is not asked."""
    of_days = files().values("day").annotate(files=Count("id"), sum_rows=Sum("rows"), sum_bytes=Sum("bytes"))
    days = [Day(one["day"], one["files"], one["sum_rows"], one["sum_bytes"]) for one in of_days.order_by("day")]
    manifests = Manifest.objects.using(LEDGER).filter(lake_file__isnull=True, dropped_at__isnull=True, count__gt=0)
    told = manifests.aggregate(segments=Count("id"), records=Sum("count"), oldest=Min("ended_at_us"))
    oldest = None if told["oldest"] is None else nearest_time(told["oldest"])
    return Lake(
        days,
        Waiting(told["segments"], told["records"] or 0, oldest),
        SegmentContent.objects.using(LEDGER).count(),
        LakeFile.objects.using(LEDGER).filter(replaced_at__isnull=False, deleted_at__isnull=True).count(),
        LakeWrite.objects.using(LEDGER).count(),
    )


def files(since: datetime | None = None, until: datetime | None = None) -> QuerySet[LakeFile]:
    """Give the files that are part of the lake and may hold calls that began between two times."""
    found = LakeFile.objects.using(LEDGER).filter(replaced_at__isnull=True)
    if since is not None:
        found = found.filter(max_started_at_us__gte=microseconds(since))
    if until is not None:
        found = found.filter(min_started_at_us__lt=microseconds(until))
    return found


def location(place: Folder | S3, path: str) -> str:
    """Write where a file lies, as readers outside take it."""
    if isinstance(place, Folder):
        return str(place.path.absolute() / path)
    return f"s3://{place.bucket}/{place.prefix}{path}"
