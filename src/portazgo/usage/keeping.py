"""Drops folded sums that are older than they are kept, a little at a time, and says from when on a level is whole.

The horizon is written before anything goes: no report ever adds up a level that lacks something. Fresh sums stay.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.db import connections, transaction

from portazgo.kit.clock import microseconds
from portazgo.usage.collector import LEDGER
from portazgo.usage.models import RollupHorizon
from portazgo.usage.rollups import DAY, HOUR, LEVELS, MINUTE, MINUTE_US, MONTH, QUARTER, SIX_HOURS, Grain, Level

if TYPE_CHECKING:
    from datetime import datetime

    from portazgo.settings import Settings

ROWS_AT_ONCE = 1_000
LONGEST_RUN_SECONDS = 0.5


def horizons() -> dict[Level, int]:
    """Tell from which minute on each level is whole."""
    told = dict(RollupHorizon.objects.using(LEDGER).values_list("level", "whole_from"))
    return {level: told.get(level.name, 0) for level in LEVELS}


def forget_old_rollups(settings: Settings, now: datetime) -> int:
    """Drop what is older than the settings say. Returns how many rows; the rest goes when this is called again."""
    kept = {
        MINUTE: settings.usage_minutes_kept,
        QUARTER: settings.usage_quarters_kept,
        # Before the hours that they may still be filled from.
        SIX_HOURS: settings.usage_quarters_kept,
        HOUR: settings.usage_quarters_kept,
        DAY: settings.usage_days_kept,
        MONTH: settings.usage_days_kept,
    }
    ends = time.monotonic() + LONGEST_RUN_SECONDS
    whole_from = horizons()
    dropped = 0
    for level, length in kept.items():
        if length is not None:
            # Days go with their months, everything else with its day: ranges that begin with one are whole or gone.
            whole = MONTH if level in {DAY, MONTH} else DAY
            dropped += _forget(level, whole_from[level], whole.floor(microseconds(now - length) // MINUTE_US), ends)
    return dropped


def _forget(level: Level, whole_from: int, before: int, ends: float) -> int:
    if whole_from < before:
        _move_horizon(level, before)
    dropped = 0
    for grain in level.grains:
        # A horizon never goes back: what is kept longer now was dropped all the same.
        while time.monotonic() < ends and (count := _drop(level, grain, max(before, whole_from))):
            dropped += count
            time.sleep(0.02)  # who waits for SQLite's writer gets it
    return dropped


def _move_horizon(level: Level, to: int) -> None:
    with transaction.atomic(using=LEDGER):
        RollupHorizon.objects.using(LEDGER).get_or_create(level=level.name, defaults={"whole_from": to})
        RollupHorizon.objects.using(LEDGER).filter(level=level.name, whole_from__lt=to).update(whole_from=to)


def _drop(level: Level, grain: Grain, before: int) -> int:
    table = level.table
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(f"SELECT MIN(slot) FROM {table} WHERE grain = %s", [grain])  # noqa: S608 - names of our own
        oldest = cursor.fetchone()[0]
        if oldest is None or oldest >= before:
            return 0  # without asking for SQLite's writer
        cursor.execute(
            f"DELETE FROM {table} WHERE (grain, slot, series) IN (SELECT grain, slot, series FROM {table} "  # noqa: S608 - names of our own
            "WHERE grain = %s AND slot < %s ORDER BY grain, slot, series LIMIT %s)",
            [grain, before, ROWS_AT_ONCE],
        )
        return int(cursor.rowcount)
