"""Brings all that was collected to the lake, as the worker does when its time has come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from support.clock import FakeClock

from portazgo.lake.cleaning import forget_segments
from portazgo.lake.running import Children
from portazgo.lake.writing import Writing
from portazgo.settings import Settings
from portazgo.usage.collector import LEDGER
from portazgo.usage.models import SegmentContent


def move_to_lake(settings: Settings) -> None:
    """Write what there is, and drop its segments: whoever looks for it finds it in the lake, or not at all."""
    clock = FakeClock()
    clock.wall = datetime.now(UTC) + settings.lake_after + timedelta(hours=1)
    writing = Writing(settings, Children(settings), clock)
    while writing.write_next() is not None:
        pass
    while forget_segments(settings, datetime.now(UTC) + settings.segments_kept + timedelta(days=1)):
        pass
    assert SegmentContent.objects.using(LEDGER).count() == 0
