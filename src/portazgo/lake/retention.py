"""Drops from the lake what was kept long enough: whole files, or from a file the rows of environments that are kept for less.

A file is written anew for that once for each environment, without those rows; how many they were stays in the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.kit.clock import from_microseconds
from portazgo.lake.cleaning import began_before, retire_before
from portazgo.lake.compacting import merge
from portazgo.lake.models import LakeFile
from portazgo.usage.models import LEDGER
from portazgo.usage.retention import horizons

if TYPE_CHECKING:
    from collections.abc import Collection

    from portazgo.kit.clock import Clock
    from portazgo.lake.running import Children
    from portazgo.settings import Settings

OTHER = "other"
"""Stands in the list for calls that belong to no environment."""


def drop_next(
    settings: Settings, children: Children, clock: Clock, *, without: Collection[str] = ()
) -> LakeFile | None:
    """Drop what is due next; files of these names can't be written anew, and go when the last of their rows may.

    Returns the file that was written anew; None: nothing is due. Raises LakeFailed, Overtaken.
    """
    found = horizons(settings, clock.now())
    if found.of_all is not None:
        retire_before(from_microseconds(found.of_all), clock.now())
    for environment, before in found.by_environment.items():
        if before is None:
            continue
        old = LakeFile.objects.using(LEDGER).filter(began_before(before), replaced_at__isnull=True, rows__gt=0)
        due = old.exclude(left_out__contains=_name(environment)).exclude(path__in=without)
        file = due.order_by("max_started_at_us", "id").first()
        if file is not None:
            return _without(file, environment, children, clock)
    return None


def _without(file: LakeFile, environment: str | None, children: Children, clock: Clock) -> LakeFile:
    written = merge([file], children, clock, left_out=[environment])
    # A death before this has it written anew once more, to the same rows.
    written.left_out = ",".join(sorted({*filter(None, file.left_out.split(",")), _name(environment)}))
    written.save(using=LEDGER, update_fields=["left_out"])
    return written


def _name(environment: str | None) -> str:
    return OTHER if environment is None else environment
