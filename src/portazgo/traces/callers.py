"""Finds calls by where they came from: what records say of it is sealed, and opened here to be compared."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from typing import Any

from portazgo.partners.callers import Caller
from portazgo.partners.personal import Sealed, from_caller
from portazgo.traces.domain import Record


def came_from(records: Sequence[Record], caller: Caller) -> list[bool]:
    """Tell of each record, in their order, whether its call may have come from there. Raises Unavailable."""
    told = from_caller(
        (Sealed(one["personal_key"], one["personal"], one["epoch"], one["started_at_us"]) for one in records), caller
    )
    # Nodes of older versions recorded addresses as they were.
    return [
        sealed or caller.is_told_by(record["client_address"], None)
        for record, sealed in zip(records, told, strict=True)
    ]


def sealed_of(rows: Iterable[Sequence[Any]], caller: Caller) -> list[str]:
    """Give what is sealed of this caller, in base64. Raises Unavailable.

    A row: data key, epoch, a time of its day, what is sealed.
    """
    listed = list(rows)
    told = from_caller((Sealed(key, base64.b64decode(text), epoch, day) for key, epoch, day, text in listed), caller)
    return [row[3] for row, agrees in zip(listed, told, strict=True) if agrees]
