"""How many records are acknowledged and not in the ledger yet, as the worker last counted them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from portazgo.usage.models import LEDGER, SpillState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from portazgo.usage.spill import Spilled

WRITTEN_EVERY = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in the object store. `since`: when the first of it was seen; `looked_at` None: nobody has looked."""

    segments: int
    records: int
    set_aside: int
    since: datetime | None
    looked_at: datetime | None


def waiting() -> Waiting:
    """Tell what waits."""
    row = SpillState.objects.using(LEDGER).filter(id=1).first()
    if row is None:
        return Waiting(0, 0, 0, None, None)
    return Waiting(row.segments, row.records, row.set_aside, row.since, row.looked_at)


def note(left: Sequence[Spilled], set_aside: int, now: datetime) -> None:
    """Write down what was seen; nothing where the same was written lately."""
    seen = {"segments": len(left), "records": sum(one.run.count for one in left), "set_aside": set_aside}
    known = SpillState.objects.using(LEDGER).filter(id=1).first()
    if known is not None and now - known.looked_at < WRITTEN_EVERY and seen.items() <= vars(known).items():
        return
    since = (known.since if known is not None and known.since is not None else now) if left else None
    SpillState.objects.using(LEDGER).update_or_create(id=1, defaults={**seen, "since": since, "looked_at": now})
