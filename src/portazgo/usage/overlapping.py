"""Whether records of an epoch are here already: found by its last segment that begins no later, however many it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from portazgo.usage.models import LEDGER, Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID


def overlaps(epoch: UUID, summary: Mapping[str, Any]) -> bool:
    """Tell whether any of a segment's records came in another segment."""
    if not summary["count"]:
        return False
    # Those that are here don't overlap each other: where one of them overlaps, the last one before our end does.
    before = Manifest.objects.using(LEDGER).filter(epoch=epoch, count__gt=0, first_sequence__lte=summary["last"])
    reaches = before.order_by("-first_sequence").values_list("last_sequence", flat=True).first()
    return reaches is not None and reaches >= summary["first"]
