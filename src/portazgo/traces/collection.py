"""Records in the order in which they were collected: for whoever follows along and wants each of them once."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from django.db import connections

from portazgo.traces.domain import Filter, Record
from portazgo.traces.segments import SegmentGone, decoded
from portazgo.usage.collector import LEDGER
from portazgo.usage.models import Manifest

MANIFESTS_AT_ONCE = 50
UNCOMMITTED_SECONDS = 3.0
"""So long a number that is missing between two others may still be on its way."""
_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Position:
    """Where somebody is: segments before this one were read, and of this one the records up to a sequence number."""

    manifest: int
    sequence: int = 0

    @classmethod
    def after(cls, manifest: int) -> Position:
        """Stand where a segment has been read whole."""
        return cls(manifest + 1)


@dataclass(frozen=True, slots=True)
class Collected:
    """What came: each record with where one stands after it. `skipped` were too old: they are read by list and show."""

    records: Sequence[tuple[Record, Position]]
    position: Position
    skipped: int


def newest() -> Position:
    """Stand before the newest segment."""
    found = Manifest.objects.using(LEDGER).order_by("id").last()
    return Position(0 if found is None else found.id)


def collected_since(position: Position, wanted: Filter, *, limit: int) -> Collected:
    """List the records that were collected since, about `limit` of those that are wanted."""
    records: list[tuple[Record, Position]] = []
    skipped = 0
    for manifest, count in _settled(position.manifest):
        read = position.sequence if manifest == position.manifest else 0
        try:
            found = decoded.get(manifest)
        except SegmentGone:
            skipped += count
        else:
            records += [
                (record, Position(manifest, record["sequence"]))
                for record in found
                if record["sequence"] > read and wanted.admits(record)
            ]
        position = Position.after(manifest)
        if len(records) >= limit:
            break
    return Collected(records, position, skipped)


def _settled(first: int) -> Iterator[tuple[int, int]]:
    rows = Manifest.objects.using(LEDGER).filter(id__gte=first).order_by("id")
    listed = list(rows.values_list("id", "count")[:MANIFESTS_AT_ONCE])
    if connections[LEDGER].vendor == "postgresql":
        # Numbers are given before commits, which may come in another order: what would be passed over is waited for.
        listed = _missing.cut(first, listed)
    yield from listed


class Missing:
    """Remembers since when numbers are missing between others."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._since: OrderedDict[int, float] = OrderedDict()

    def cut(self, first: int, listed: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Give what stands before the first number that may still come."""
        now = self._monotonic()
        # Who begins at the beginning of all begins with what there is.
        before = [first - 1] if first > 1 else []
        numbers = [*before, *(number for number, _ in listed)]
        for place, (left, right) in enumerate(pairwise(numbers), start=1 - len(before)):
            if right - left > 1 and now - self._noted(left, now) < UNCOMMITTED_SECONDS:
                return list(listed[:place])
        return list(listed)

    def _noted(self, left: int, now: float) -> float:
        """Tell since when something is missing after this number."""
        with self._lock:
            since = self._since.setdefault(left, now)
            while len(self._since) > _REMEMBERED:
                self._since.popitem(last=False)
        return since


_missing = Missing()
