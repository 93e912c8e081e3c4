"""Fills grains that a version of Portazgo began to keep, back to the first slot, from one that was kept all along.

Folding adds to a new grain from the day on which it is there. Until the slots before are filled, `usage_unfilled` has a row
for it, and reports read the level by another grain. A slot is made anew from all that the other grain has of it, in one
transaction that no folding is beside: so it is right, whatever was folded into either of them before.
"""

from __future__ import annotations

import time

from django.db import connections, transaction

from portazgo.usage.collector import LEDGER
from portazgo.usage.folding import alone
from portazgo.usage.keeping import horizons
from portazgo.usage.models import UnfilledGrain
from portazgo.usage.rollups import HOUR, LEVELS, SIX_HOURS, SUMS, Grain, Level

LONGEST_RUN_SECONDS = 0.5

_LEVELS = {level.name: level for level in LEVELS}
# What a new grain is added up from.
_OF = Grain.APPLICATION


def unfilled() -> frozenset[tuple[Level, Grain]]:
    """Tell which grains of which levels are not whole yet."""
    rows = UnfilledGrain.objects.using(LEDGER).values_list("level", "grain")
    return frozenset((_LEVELS[level], Grain(grain)) for level, grain in rows)


def fill() -> int:
    """Fill slots for a while, the newest first. Returns how many; 0 when nothing is left to fill, or somebody folds."""
    filled = 0
    begun = time.monotonic()
    for name, grain in UnfilledGrain.objects.using(LEDGER).order_by("level", "grain").values_list("level", "grain"):
        while time.monotonic() - begun < LONGEST_RUN_SECONDS:
            started = time.monotonic()
            if not _fill_one(_LEVELS[name], Grain(grain)):
                break
            filled += 1
            # As folding does: as long as SQLite's writer was held, it is left free.
            time.sleep(time.monotonic() - started)
    return filled


def _fill_one(level: Level, grain: Grain) -> bool:
    """Fill one slot: one transaction. Returns whether there may be more."""
    kept_from = horizons()[level]
    with transaction.atomic(using=LEDGER):
        state = UnfilledGrain.objects.using(LEDGER).filter(level=level.name, grain=grain)
        if not alone() or (whole_from := state.values_list("whole_from", flat=True).first()) is None:
            return False
        slot = _newest_before(whole_from, kept_from, level)
        if slot is None:
            state.delete()
            return False
        _make_anew(level, grain, slot)
        state.update(whole_from=slot)
    return True


def _newest_before(whole_from: int, kept_from: int, level: Level) -> int | None:
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(
            f"SELECT MAX(slot) FROM {_source(level)} WHERE grain = %s AND slot < %s AND slot >= %s",  # noqa: S608 - names of our own
            [_OF, whole_from, kept_from],
        )
        found = cursor.fetchone()[0]
    return None if found is None else level.floor(found)


def _make_anew(level: Level, grain: Grain, slot: int) -> None:
    sums = ", ".join(f"SUM(r.{name})" for name in SUMS)
    # What this grain tells is the same, and the rest of it is empty: by the unique key, one series.
    same = " AND ".join(f"c.{name} = s.{name}" for name in grain.members)
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(f"DELETE FROM {level.table} WHERE grain = %s AND slot = %s", [grain, slot])  # noqa: S608 - names of our own
        cursor.execute(
            f"INSERT INTO {level.table} (grain, slot, series, {', '.join(SUMS)}) SELECT c.grain, {slot}, c.id, {sums} "  # noqa: S608 - likewise
            f"FROM {_source(level)} AS r JOIN usage_series AS s ON s.id = r.series "
            f"JOIN usage_series AS c ON c.grain = %s AND {same} "
            "WHERE r.grain = %s AND r.slot >= %s AND r.slot < %s GROUP BY c.grain, c.id",
            [grain, _OF, slot, level.after(slot)],
        )


def _source(level: Level) -> str:
    return (HOUR if level is SIX_HOURS else level).table
