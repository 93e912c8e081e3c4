"""Opaque cursors over keysets: a page says where the next one begins, and rows that come and go shift nothing.

A cursor carries a check sum over its list's name and its values: one of another list, or one that was edited, is refused
instead of giving a page from nowhere. It protects from mistakes, not from malice: a cursor opens nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from portazgo.kit.errors import Invalid

DEFAULT_LIMIT = 50
LARGEST_LIMIT = 200

Item = TypeVar("Item")
CursorValue = str | int

_CHECK_BYTES = 6


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some rows of a list; `next_cursor` is None on the last page."""

    items: Sequence[Item]
    next_cursor: str | None


def encode_cursor(values: Sequence[CursorValue], *, of: str) -> str:
    """Make the cursor that goes on after the row with these key values, in the list named by `of`."""
    text = json.dumps(list(values), separators=(",", ":")).encode()
    return opaque(_check_sum(text, of) + text)


def decode_cursor(cursor: str, length: int, *, of: str) -> list[CursorValue]:
    """Read a cursor of `length` key values of the list named by `of`. Raises Invalid (`cursor_invalid`)."""
    try:
        given = of_opaque(cursor)
        check_sum, text = given[:_CHECK_BYTES], given[_CHECK_BYTES:]
        values = json.loads(text) if check_sum == _check_sum(text, of) else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, list) or len(values) != length or not all(map(_is_value, values)):
        raise cursor_invalid()
    return values


def opaque(content: bytes) -> str:
    """Write bytes as a word that fits in a URL, a header and a line of an event stream: base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def of_opaque(word: str) -> bytes:
    """Read such a word. Raises ValueError."""
    return base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)


def cursor_invalid() -> Invalid:
    """Make the refusal of a cursor."""
    return Invalid.at("/cursor", "this cursor was not made by this list", code="cursor_invalid")


def _check_sum(text: bytes, of: str) -> bytes:
    return hashlib.sha256(of.encode() + b"\n" + text).digest()[:_CHECK_BYTES]


def _is_value(value: object) -> bool:
    # PostgreSQL takes no NUL in a text, and no integer beyond 64 bits.
    return (type(value) is str and "\0" not in value) or (type(value) is int and abs(value) < 2**63)
