"""Opaque cursors over keysets: a page says where the next one begins, and rows that come and go shift nothing."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from portazgo.kit.errors import Invalid

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200

Item = TypeVar("Item")
CursorValue = str | int


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some rows of a list; `next_cursor` is None on the last page."""

    items: Sequence[Item]
    next_cursor: str | None


def encode_cursor(values: Sequence[CursorValue]) -> str:
    """Make the cursor that goes on after the row with these key values."""
    text = json.dumps(list(values), separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(cursor: str, length: int) -> list[CursorValue]:
    """Read a cursor of `length` key values. Raises Invalid (`cursor_invalid`)."""
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        values = None
    if not isinstance(values, list) or len(values) != length or not all(map(_is_value, values)):
        raise Invalid.at("/cursor", "this cursor was not made by this list", code="cursor_invalid")
    return values


def _is_value(value: object) -> bool:
    # PostgreSQL takes no NUL in a text, and no integer beyond 64 bits.
    return (type(value) is str and "\0" not in value) or (type(value) is int and abs(value) < 2**63)
