"""Records out of collected segments, whose bytes are kept until the records are in the lake.

A segment is decoded by the native module and kept for a while: the pages that people look at are the newest ones.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from portazgo import _native
from portazgo.traces.domain import Record
from portazgo.usage.contents import segment_bytes

KEPT_RECORDS = 5_000
"""Decoded, for whoever looks again: about 1.7 KB each, and the control plane promises to stay small."""


class SegmentGone(Exception):
    """The bytes of a segment are not kept any more: its records are in the lake, or too old to be kept."""


class _Decoded:
    """Decoded segments, the least recently used go first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._segments: OrderedDict[int, list[Record]] = OrderedDict()
        self._records = 0

    def get(self, manifest: int) -> list[Record]:
        """Give the records of a segment, in their sequence. Raises SegmentGone, Unavailable."""
        with self._lock:
            if manifest in self._segments:
                self._segments.move_to_end(manifest)
                return self._segments[manifest]
        content = segment_bytes(manifest)
        if content is None:
            raise SegmentGone
        records: list[Record] = list(_native.decode_segment(content))
        with self._lock:
            if manifest not in self._segments:
                self._segments[manifest] = records
                self._records += len(records)
            while self._records > KEPT_RECORDS and len(self._segments) > 1:
                _, oldest = self._segments.popitem(last=False)
                self._records -= len(oldest)
        return records


decoded = _Decoded()
