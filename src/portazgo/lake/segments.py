"""The bytes of collected segments, as the lake needs them: read once, forgotten when they are in the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portazgo.usage.collector import LEDGER
from portazgo.usage.models import SegmentContent

if TYPE_CHECKING:
    from collections.abc import Sequence


def segment_bytes(manifest: int) -> bytes | None:
    """Give a segment's bytes; None: they are gone."""
    content = (
        SegmentContent.objects.using(LEDGER).filter(manifest_id=manifest).values_list("content", flat=True).first()
    )
    return None if content is None else bytes(content)


def forget_contents(manifests: Sequence[int]) -> int:
    """Delete segments' bytes. Returns of how many."""
    count, _ = SegmentContent.objects.using(LEDGER).filter(manifest_id__in=manifests).delete()
    return count
