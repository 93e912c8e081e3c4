"""Bytes that become an object before the ledger knows of them: none stays that the ledger did not take."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from django.db.models import Q

from portazgo.kit.objects import ObjectsFailed
from portazgo.usage.contents import place_of
from portazgo.usage.models import LEDGER, Manifest, SegmentContent

if TYPE_CHECKING:
    from portazgo.kit.objects import ObjectStore
    from portazgo.usage.collector import Segment

logger = logging.getLogger(__name__)


def place_for(segment: Segment) -> str:
    """Name the object that the bytes are to become; "": none, since the ledger has something in this place already.

    A manifest stays for ever, so what is here now decides: the ledger will say that it had the segment, or refuse it.
    """
    summary = segment.summary
    first, last = summary["first"], summary["last"]
    same_place = Q(first_sequence=first) | Q(first_sequence__lte=last, last_sequence__gte=first)
    if Manifest.objects.using(LEDGER).filter(same_place, epoch=segment.epoch).exists():
        return ""
    return place_of(segment.epoch, first, summary["sha256"])


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
