"""Takes finished time slices to the lake: whole segments of one day, verified in the store before the ledger knows of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from portazgo.kit.clock import from_microseconds, microseconds
from portazgo.lake.models import LakeFile
from portazgo.lake.registering import note_write, register_written
from portazgo.lake.running import MOST_ROWS, LakeFailed
from portazgo.lake.unreadable import Unreadable
from portazgo.usage.collector import LEDGER
from portazgo.usage.contents import SegmentLost, segment_bytes
from portazgo.usage.models import Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portazgo.kit.clock import Clock
    from portazgo.lake.running import Children
    from portazgo.settings import Settings

logger = logging.getLogger(__name__)

MOST_SEGMENTS = 4_000
SLICE = timedelta(minutes=1)
"""Slices end with minutes, so that a quiet deployment writes a file a minute and not one for each segment."""
_ONE_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Slice:
    """Segments that go into one file."""

    day: date
    manifests: Sequence[Manifest]


class Writing:
    """Writes slices, with the segments that it could not read and goes on without."""

    def __init__(self, settings: Settings, children: Children, clock: Clock) -> None:
        self._after = settings.lake_after
        self._children = children
        self._clock = clock
        self._unreadable: Unreadable[int] = Unreadable(clock)

    def write_next(self) -> LakeFile | None:
        """Write the oldest slice that is due. Returns None when there is none. Raises LakeFailed, Overtaken."""
        due = self._due()
        if due is None:
            return None
        path = note_write(due.day, self._clock.now())
        try:
            told = self._children.carry_out(_order(path, due.manifests), self._bodies(due.manifests))
        except LakeFailed as problem:
            if problem.manifest is not None:
                self._unreadable.add(problem.manifest)
            raise
        return register_written(path, due.day, told, [one.id for one in due.manifests], self._clock.now())

    def _due(self) -> Slice | None:
        unit = max(_ONE_SECOND, min(SLICE, self._after))
        whole = microseconds(self._clock.now() - self._after) // (unit // timedelta(microseconds=1))
        before = whole * (unit // timedelta(microseconds=1))
        waiting = Manifest.objects.using(LEDGER).filter(
            lake_file__isnull=True, dropped_at__isnull=True, ended_at_us__lt=before, count__gt=0
        )
        taken: list[Manifest] = []
        rows = 0
        readable = waiting.exclude(id__in=self._unreadable.left_out())
        for manifest in readable.order_by("ended_at_us", "id")[:MOST_SEGMENTS]:
            if taken and (self._day(manifest) != self._day(taken[0]) or rows + manifest.count > MOST_ROWS):
                break
            taken.append(manifest)
            rows += manifest.count
        return Slice(self._day(taken[0]), taken) if taken else None

    def _day(self, manifest: Manifest) -> date:
        try:
            return from_microseconds(manifest.ended_at_us).date()
        except OverflowError:
            self._unreadable.add(manifest.id)
            raise LakeFailed(f"{_named(manifest)} end at a time that no calendar has", manifest.id) from None

    def _bodies(self, manifests: Sequence[Manifest]) -> Iterator[bytes]:
        lost: list[LakeFailed] = []
        for manifest in manifests:
            try:
                content = _content(manifest)
            except LakeFailed as problem:
                # The rest is looked at all the same: else each that is lost would cost a child of its own.
                self._unreadable.add(manifest.id)
                lost.append(problem)
                continue
            if not lost:
                yield content
        if lost:
            others = f" (and {len(lost) - 1} more of the same slice)" if lost[1:] else ""
            raise LakeFailed(f"{lost[0]}{others}", lost[0].manifest)


def _content(manifest: Manifest) -> bytes:
    """Read a segment. Raises LakeFailed where it is lost, Unavailable where it only can't be had at this moment."""
    try:
        content = segment_bytes(manifest.id)
    except SegmentLost as problem:
        raise LakeFailed(f"{_named(manifest)} are lost: {problem.detail}; {problem.remedy}", manifest.id) from None
    if content is None or len(content) != manifest.content_bytes:
        raise LakeFailed(f"the bytes of {_named(manifest)} are gone", manifest.id)
    return content


def _order(path: str, manifests: Sequence[Manifest]) -> dict[str, object]:
    segments = [
        {
            "manifest": one.id,
            "epoch": str(one.epoch),
            "first": one.first_sequence,
            "last": one.last_sequence,
            "count": one.count,
            "requests": one.requests,
            "sha256": one.sha256,
            "bytes": one.content_bytes,
        }
        for one in manifests
    ]
    return {"do": "write", "name": path, "segments": segments}


def _named(manifest: Manifest) -> str:
    return f"records {manifest.first_sequence} to {manifest.last_sequence} of epoch {manifest.epoch}"
