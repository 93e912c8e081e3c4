"""The security lane on its way in: its lines are fished out of whatever they came with (docs/wire.md, section 4)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MARK = b'{"security"'
REVOKE = "revoke_key"
KID_LENGTH = 10


class LaneSieve:
    """Keeps the security lines of a stream that comes in pieces cut anywhere, and its first line; the rest it forgets."""

    def __init__(self) -> None:
        self.lines = b""
        self._head: bytes | None = None
        self._partial = b""

    def take(self, piece: bytes) -> None:
        """Look through the next piece."""
        *whole, self._partial = (self._partial + piece).split(b"\n")
        if whole and self._head is None:
            self._head = whole[0]
        self.lines += b"".join(line + b"\n" for line in whole if line.startswith(MARK))

    @property
    def history(self) -> str | None:
        """Whose history this is, by its first line; None when that can't be read."""
        try:
            history = json.loads(self._head or b"")["history"]
        except (ValueError, TypeError, KeyError):
            return None
        return history if isinstance(history, str) else None


def lane_of(page: bytes) -> bytes:
    """Give the security lines of a whole page."""
    sieve = LaneSieve()
    sieve.take(page if page.endswith(b"\n") else page + b"\n")
    return sieve.lines


def revoked_kids(lane: bytes) -> list[str]:
    """Name the keys that the lines revoke. A line that can't be read is the native side's to complain of."""
    return [kid for line in lane.splitlines() for kid in _revoked_by(line)]


def is_kid(text: str) -> bool:
    """Tell whether this has the form of a kid."""
    return len(text) == KID_LENGTH and text.isascii() and text.isalnum()


def _revoked_by(line: bytes) -> Iterator[str]:
    try:
        entry = json.loads(line)["security"]
        operation, identifier = entry["operation"], entry["id"]
    except (ValueError, TypeError, KeyError):
        return
    if operation == REVOKE and isinstance(identifier, str) and is_kid(identifier):
        yield identifier
