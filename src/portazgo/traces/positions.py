"""How a position is written for whoever follows: plain for operators, sealed for partners.

A position counts everybody's calls: segments of the whole ledger, and records of the whole node. A partner that could read
it would know how much traffic all others make, to the call. So what a partner is given tells it nothing, also not whether two
are the same, and a position that a partner made up or took from another is none.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from portazgo.kit.paging import cursor_invalid, decode_cursor, encode_cursor, of_opaque, opaque
from portazgo.traces.collection import Position
from portazgo.usage.objects import ledger_identity

_OF = "traces/tail"
_SEALED = struct.Struct(">8sQQ")


class Positions(Protocol):
    """Writes positions, and reads them."""

    def encode(self, position: Position) -> str:
        """Write an event's id, or a page's cursor."""

    def decode(self, text: str) -> Position:
        """Read what a reader sends as `Last-Event-ID`, or as a cursor. Raises Invalid."""


def positions_of(partner: str | None) -> Positions:
    """Give what this partner's positions are written with; None: an operator's. May ask the ledger."""
    if partner is None:
        return Plain()
    # Every control plane of the ledger knows its identity, nobody outside does: made by chance, shown nowhere.
    key = hmac.digest(ledger_identity().bytes, f"positions of partner {partner}".encode(), "sha512")
    return Sealed(AESSIV(key))


class Plain:
    """A cursor as any other."""

    def encode(self, position: Position) -> str:
        """Write one."""
        return encode_cursor([position.manifest, position.sequence], of=_OF)

    def decode(self, text: str) -> Position:
        """Read one. Raises Invalid."""
        manifest, sequence = decode_cursor(text, 2, of=_OF)
        if not isinstance(manifest, int) or not isinstance(sequence, int) or min(manifest, sequence) < 0:
            raise cursor_invalid()
        return Position(manifest, sequence)


@dataclass(frozen=True, slots=True)
class Sealed:
    """By AES-SIV (RFC 5297) under a key of the partner's own."""

    cipher: AESSIV

    def encode(self, position: Position) -> str:
        """Write one; the same one otherwise each time."""
        plain = _SEALED.pack(secrets.token_bytes(8), position.manifest, position.sequence)
        return opaque(self.cipher.encrypt(plain, None))

    def decode(self, text: str) -> Position:
        """Read one. Raises Invalid."""
        try:
            _, manifest, sequence = _SEALED.unpack(self.cipher.decrypt(of_opaque(text), None))
        except (ValueError, InvalidTag, struct.error):
            raise cursor_invalid() from None
        return Position(manifest, sequence)
