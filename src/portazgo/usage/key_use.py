"""Tells the keys when they were last used. The collector learns it with every segment; the state hears of it here.

Nothing is written per request, and a busy key's row once in ten minutes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from portazgo.keys.models import Key
from portazgo.kit.clock import microseconds
from portazgo.usage.collector import LEDGER
from portazgo.usage.models import KeyUse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portazgo.kit.clock import Clock

NOTED_EVERY = timedelta(minutes=10)
CHUNK = 100
"""Keys per write: nobody's change waits long for it."""
ALL_EVERY = timedelta(hours=6)
# What arrives late, from a node that was cut off, is found when all is looked at.
OVERLAP = timedelta(hours=1)


class LastUses:
    """The worker's memory of how far it has looked: all of it after a start, and now and then; else what is new."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looked_at_all: datetime | None = None

    def note(self) -> int:
        """Write what is new into the keys. Returns how many."""
        now = self._clock.now()
        everything = self._looked_at_all is None or now - self._looked_at_all >= ALL_EVERY
        noted = sum(map(_note, _chunks(_used_since(None if everything else now - OVERLAP))))
        if everything:
            self._looked_at_all = now
        return noted


def _used_since(moment: datetime | None) -> Iterator[tuple[str, int]]:
    rows = KeyUse.objects.using(LEDGER).order_by("kid")
    if moment is not None:
        rows = rows.filter(last_used_us__gte=microseconds(moment))
    return rows.values_list("kid", "last_used_us").iterator()


def _chunks(uses: Iterator[tuple[str, int]]) -> Iterator[dict[str, int]]:
    while chunk := dict(islice(uses, CHUNK)):
        yield chunk


def _note(uses: Mapping[str, int]) -> int:
    used = {kid: datetime.fromtimestamp(last // 1_000_000, UTC) for kid, last in uses.items()}
    lagging = [key for key in Key.objects.filter(kid__in=list(used)) if _lags(key, used[key.kid])]
    for key in lagging:
        key.last_used_at = used[key.kid]
    Key.objects.bulk_update(lagging, ["last_used_at"])
    return len(lagging)


def _lags(key: Key, last: datetime) -> bool:
    return key.last_used_at is None or last - key.last_used_at >= NOTED_EVERY
