"""Bytes that become an object before the ledger knows of them: none stays that the ledger did not take."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from portazgo.kit.objects import ObjectsFailed
from portazgo.usage.contents import place_of
from portazgo.usage.models import LEDGER, Manifest, SegmentContent
from portazgo.usage.overlapping import overlaps

if TYPE_CHECKING:
    from portazgo.kit.objects import ObjectStore
    from portazgo.usage.collector import Segment

logger = logging.getLogger(__name__)


def place_for(segment: Segment) -> str:
    """Name the object that the bytes are to become; "": none, since the ledger has something in this place already.

    A manifest stays for ever, so what is here now decides: the ledger will say that it had the segment, or refuse it.
    """
    epoch, summary = segment.epoch, segment.summary
    same_place = Manifest.objects.using(LEDGER).filter(epoch=epoch, first_sequence=summary["first"])
    if same_place.exists() or overlaps(epoch, summary):
        return ""
    return place_of(epoch, summary["first"], summary["sha256"])


def remove_unnamed(store: ObjectStore, segment: Segment, place: str) -> None:
    """Remove the object of a segment that the ledger has refused, or had already, unless a row names it; "": there is none."""
    rows = SegmentContent.objects.using(LEDGER).filter(manifest__epoch=segment.epoch, place=place)
    if not place or rows.filter(manifest__first_sequence=segment.summary["first"]).exists():
        return
    try:
        store.delete(place)
    except ObjectsFailed as problem:
        why = {"object": place, "remedy": problem.remedy}
        logger.warning("an object that nobody needs could not be removed: %s", problem.sentence, extra=why)
