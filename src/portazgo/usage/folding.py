"""Folds what the collector added up into the levels that reports read: each sum once, however often folding is cut short.

The collector adds to `usage_fresh` only. A batch moves sums from there to every level in one transaction: it is all there or
not at all, and what arrives late for a minute that is folded already is a fresh sum again. Hence, for any range and at any
time, fresh sums and those of one level together are the sums of the records (docs/decisions/0038-folding-sums.md).
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connections, transaction

from portazgo.kit.clock import microseconds
from portazgo.usage.collector import LEDGER
from portazgo.usage.models import FreshRollup
from portazgo.usage.rollups import (
    LARGEST_SUM,
    MEMBERS,
    MINUTE_US,
    SUMS,
    Fresh,
    Grain,
    Level,
    Place,
    Series,
    adding,
    spread,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from portazgo.kit.clock import Clock

FOLDED_AFTER = timedelta(minutes=2)
"""Most of a minute's segments are here by then; what comes later is folded apart."""
BATCH = 400
"""Fresh sums a transaction: it holds SQLite's writer for some 50 ms."""
LONGEST_RUN_SECONDS = 0.5
"""Then the worker's other jobs come round."""
KEPT_SERIES = 50_000
# Any number, but the same in every worker: one of them folds at a time.
_LOCK = 7_205_759_403

_PLACE = ("grain", "slot", "series")
_ROWS_AT_ONCE = 500
_NAMES_AT_ONCE = 50


class Folding:
    """The worker's folding, with the series that it knows already."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[Series, int] = {}

    def run(self) -> int:
        """Fold what is due, batch by batch, for a while. Returns how many sums were folded."""
        folded = 0
        begun = time.monotonic()
        while time.monotonic() - begun < LONGEST_RUN_SECONDS:
            started = time.monotonic()
            count = self.batch()
            folded += count
            if count < BATCH:
                break
            # Who waits for SQLite's writer asks now and then: as long as it was held, it is left free.
            time.sleep(time.monotonic() - started)
        return folded

    def batch(self) -> int:
        """Fold the oldest sums that are due: one transaction. Returns how many; 0 also while another worker folds."""
        due_us = microseconds(self._clock.now() - FOLDED_AFTER) // MINUTE_US * MINUTE_US
        if not FreshRollup.objects.using(LEDGER).filter(minute_us__lt=due_us).exists():
            return 0  # without asking for SQLite's writer
        with transaction.atomic(using=LEDGER):
            if not alone():
                return 0
            rows = _oldest(due_us)
            if not rows:
                return 0
            added = spread(fresh for _, fresh in rows)
            known = self._numbers({series for places in added.values() for _, _, series in places})
            for level, places in added.items():
                _add(level, places, known)
            _remove([number for number, _ in rows])
        # Only what was committed is remembered: a number that was rolled back would be somebody else's later.
        if len(self._known) + len(known) > KEPT_SERIES:
            self._known.clear()
        self._known.update(known)
        return len(rows)

    def _numbers(self, wanted: Collection[Series]) -> dict[Series, int]:
        known = {series: self._known[series] for series in wanted if series in self._known}
        unknown = [series for series in wanted if series not in known]
        for start in range(0, len(unknown), _NAMES_AT_ONCE):
            known |= _numbered(unknown[start : start + _NAMES_AT_ONCE])
        return known


def alone() -> bool:
    """Keep every other worker from folding until the transaction ends. Returns False where one folds just now."""
    connection = connections[LEDGER]
    if connection.vendor != "postgresql":
        return True  # SQLite has one writer, and this transaction is it
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        return bool(cursor.fetchone()[0])


def _oldest(before_us: int) -> list[tuple[int, Fresh]]:
    # Locked rows are left to whoever holds them: a collector that is just adding to one. It is folded with the next batch.
    rows = FreshRollup.objects.using(LEDGER).select_for_update(skip_locked=True).filter(minute_us__lt=before_us)
    found = rows.order_by("minute_us", "partner").values_list("id", "minute_us", *MEMBERS, *SUMS)[:BATCH]
    return [(number, _fresh(minute_us, values)) for number, minute_us, *values in found]


def _fresh(minute_us: int, values: Sequence[str | int]) -> Fresh:
    series = Series(Grain.WHOLE, *values[: len(MEMBERS)])  # type: ignore[arg-type]  # in the order of MEMBERS
    return Fresh(minute_us // MINUTE_US, series, tuple(map(int, values[len(MEMBERS) :])))


def _numbered(wanted: Sequence[Series]) -> dict[Series, int]:
    """Give series their numbers, new ones where they have none."""
    columns = ", ".join(("grain", *MEMBERS))
    row = f"({', '.join(['%s'] * (len(MEMBERS) + 1))})"
    values = [value for series in wanted for value in series]
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(
            f"INSERT INTO usage_series ({columns}) VALUES {', '.join([row] * len(wanted))} "  # noqa: S608 - names of our own
            f"ON CONFLICT ({columns}) DO NOTHING",
            values,
        )
        cursor.execute(
            f"SELECT id, {columns} FROM usage_series WHERE ({columns}) IN (VALUES {', '.join([row] * len(wanted))})",  # noqa: S608 - likewise
            values,
        )
        found = cursor.fetchall()
    # SQLite gives truth values as numbers; equal they are all the same.
    known = {Series(Grain(grain), *members): number for number, grain, *members in found}
    return {series: known[series] for series in wanted}


def _add(level: Level, places: Mapping[Place, Sequence[int]], numbers: Mapping[Series, int]) -> None:
    # In the order of their keys: pages of the table are touched once each.
    rows = sorted(
        (grain, slot, numbers[series], *(min(one, LARGEST_SUM) for one in sums))
        for (grain, slot, series), sums in places.items()
    )
    table, columns = level.table, ", ".join((*_PLACE, *SUMS))
    with connections[LEDGER].cursor() as cursor:
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            # Whole numbers, every one of them: written into the statement they cost half of what parameters cost.
            values = ", ".join(_written(row) for row in rows[start : start + _ROWS_AT_ONCE])
            cursor.execute(
                f"INSERT INTO {table} ({columns}) VALUES {values} "  # noqa: S608 - whole numbers, and names of our own
                f"ON CONFLICT ({', '.join(_PLACE)}) DO UPDATE SET {adding(table)}"
            )


def _written(row: Iterable[int]) -> str:
    return f"({', '.join(str(int(value)) for value in row)})"


def _remove(numbers: Sequence[int]) -> None:
    marks = ", ".join(["%s"] * len(numbers))
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(f"DELETE FROM usage_fresh WHERE id IN ({marks})", list(numbers))  # noqa: S608 - marks only
