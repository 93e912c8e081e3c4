"""How long records are kept, by environment, and what goes when they were kept long enough.

A segment holds calls of several environments; it goes when the last of them may go. What is in the lake goes by
environment (`lake`). Manifests stay for ever: count and hash say what there was, and the balance that it was dropped.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from portazgo.kit.clock import microseconds
from portazgo.partners.erasing import forget_months
from portazgo.usage.contents import forget_contents
from portazgo.usage.models import LEDGER, Manifest

if TYPE_CHECKING:
    from portazgo.kit.clock import Clock
    from portazgo.settings import Settings

SEGMENTS_AT_ONCE = 20
LONGEST_RUN_SECONDS = 0.5
EAST, WEST = timedelta(hours=14), timedelta(hours=12)
"""How much earlier and later than in UTC a month begins somewhere: whoever is billed may count by any zone."""


@dataclass(frozen=True, slots=True)
class Horizons:
    """Records that began before these may go, µs since 1970; None: they are kept for ever."""

    live: int | None
    test: int | None
    other: int | None

    @property
    def by_environment(self) -> dict[str | None, int | None]:
        """Give them by a record's `environment`; None: it has none."""
        return {"live": self.live, "test": self.test, None: self.other}

    @property
    def of_all(self) -> int | None:
        """Before this, records of every environment may go; None: some are kept for ever."""
        found = [self.live, self.test, self.other]
        return None if None in found else min(one for one in found if one is not None)


def horizons(settings: Settings, now: datetime) -> Horizons:
    """Tell from when on records are kept. Of live calls this month and the one before are kept whatever the settings say."""
    live = _before(settings.records_kept_live, now)
    billed = microseconds(_first_of_last_month(now - WEST) - EAST)
    return Horizons(
        None if live is None else min(live, billed),
        _before(settings.records_kept_test, now),
        _before(settings.records_kept_other, now),
    )


def forget_old_segments(settings: Settings, now: datetime) -> int:
    """Drop the bytes of segments that were kept long enough. Returns how many; the rest goes when this is called again."""
    before = horizons(settings, now).of_all
    if before is None:
        return 0
    ends, dropped = time.monotonic() + LONGEST_RUN_SECONDS, 0
    while time.monotonic() < ends and (count := _drop(before, now)):
        dropped += count
        time.sleep(0.02)  # who waits for SQLite's writer gets it
    return dropped


def _drop(before: int, now: datetime) -> int:
    old = Manifest.objects.using(LEDGER).filter(ended_at_us__lt=before, dropped_at=None, lake_file=None)
    found = list(old.order_by("ended_at_us", "id").values_list("id", flat=True)[:SEGMENTS_AT_ONCE])
    if found:
        # In this order: a death in between leaves manifests that are found again, and whose bytes are gone already.
        forget_contents(found)
        Manifest.objects.using(LEDGER).filter(id__in=found, lake_file=None).update(dropped_at=now)
    return len(found)


def _before(kept: timedelta | None, now: datetime) -> int | None:
    return None if kept is None else microseconds(now - kept)


def _first_of_last_month(now: datetime) -> datetime:
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first - timedelta(days=1)).replace(day=1)


def forget_old_callers(settings: Settings, *, clock: Clock) -> int:
    """Destroy the data keys of callers without a proven key, of months whose records were kept long enough."""
    kept = settings.records_kept_other
    return 0 if kept is None else forget_months(clock.now() - kept, clock=clock)
