"""Merges the small files of a day, and puts the merged one in their place: readers of an older list find theirs for a while."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

from portazgo.lake.models import LakeFile
from portazgo.lake.registering import note_write, register_merged
from portazgo.usage.collector import LEDGER

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from portazgo.kit.clock import Clock
    from portazgo.lake.running import Children

FILES_AT_ONCE = 30
"""Files of one level that become one of the next: an hour of a quiet deployment is two files, a day one."""
LARGEST_ROWS = 5_000_000
"""Some 300 MB: what a merge may take to."""
QUIET_FOR = timedelta(hours=1)
"""So long after the day, and after the last late segment of it, what is small is merged however few they are."""


def merge_next(children: Children, clock: Clock, *, without: Collection[str] = ()) -> LakeFile | None:
    """Merge what is due next, but files of these names. Returns None when nothing is. Raises LakeFailed, Overtaken."""
    files = _due(clock.now(), without)
    return merge(files, children, clock) if files else None


def merge(
    files: Sequence[LakeFile], children: Children, clock: Clock, *, left_out: Collection[str | None] = ()
) -> LakeFile:
    """Put one file in the place of these, which are of one day, without the rows of some environments (None: of none).

    Of one file, too; where no row is left it has none. Raises LakeFailed, Overtaken: everything is as before.
    """
    path = note_write(files[0].day, clock.now())
    order = {
        "do": "merge",
        "name": path,
        "files": [
            {"path": one.path, "sha256": one.sha256, "min_started_at_us": one.min_started_at_us} for one in files
        ],
        "left_out": sorted(environment or "" for environment in left_out),
    }
    return register_merged(path, children.carry_out(order), files, clock.now())


def _due(now: datetime, without: Collection[str]) -> Sequence[LakeFile]:
    files = LakeFile.objects.using(LEDGER).filter(replaced_at__isnull=True, rows__lt=LARGEST_ROWS // 2)
    readable = files.exclude(path__in=without)
    for day, of_day in groupby(readable.order_by("day", "min_started_at_us", "id"), key=lambda one: one.day):
        small = list(of_day)
        found = _of_one_level(small)
        ended = datetime.combine(day, time(), UTC) + timedelta(days=1)
        if not found and now - max(ended, *(one.written_at for one in small)) >= QUIET_FOR:
            found = _within(small)
        if len(found) > 1:
            return found
    return ()


def _of_one_level(small: Sequence[LakeFile]) -> Sequence[LakeFile]:
    for level in sorted({one.level for one in small}):
        found = _within([one for one in small if one.level == level])
        if len(found) == FILES_AT_ONCE:
            return found
    return ()


def _within(files: Sequence[LakeFile]) -> Sequence[LakeFile]:
    """Give the first of these that one merge takes; in the order of time, so that few reach into each other."""
    taken: list[LakeFile] = []
    rows = 0
    for file in files[:FILES_AT_ONCE]:
        if rows + file.rows > LARGEST_ROWS:
            break
        taken.append(file)
        rows += file.rows
    return taken
