"""Keys that another system made, as its export tells of them. Pure rules.

Of such a key a digest is enough: it becomes `inner` (docs/wire.md, section 1), and the key goes on working under a kid of ours.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from portazgo.keys.domain import parse_key
from portazgo.kit.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

SHORTEST_KEY = 16
LONGEST_KEY = 512
LOOKUP_KEY_BYTES = 32
DRF_ALGORITHM = "sha512$$"
"""What djangorestframework-api-key writes before the digest of a whole key. Source: its crypto.py, Sha512ApiKeyHasher."""

_SLOW = re.compile(r"(pbkdf2|argon2|bcrypt|scrypt|\$(2[abxy]?|argon2(i|d|id)|scrypt|7|y)\$)", re.IGNORECASE)
_SALTED = re.compile(r"(md5|sha1|sha256|sha512|\$[156]\$)\$?[^$]+\$", re.IGNORECASE)
_PRESENTABLE = re.compile(r"[\x21-\x7e]+")


class Scheme(StrEnum):
    """How the other system made the digest of a key's whole text. The tags stay for ever."""

    SHA256 = "sha256"
    SHA512 = "sha512"
    DRF = "drf"


class ImportFormat(StrEnum):
    """What a file to import is."""

    PORTAZGO = "portazgo"
    AWS = "aws"
    DRF = "drf"
    SHA256 = "sha256"


_DIGEST_BYTES: Mapping[Scheme, int] = {Scheme.SHA256: 32, Scheme.SHA512: 64, Scheme.DRF: 64}


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A file of keys, as it came."""

    content: str = field(repr=False)
    form: ImportFormat


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A key of a file: nothing of it is the key itself."""

    line: int
    name: str
    scheme: Scheme
    inner: bytes = field(repr=False)
    enabled: bool = True
    expires_at: datetime | None = None
    others: tuple[bytes, ...] = field(default=(), repr=False)
    """What the other schemes would have kept of it, where the key itself is in the file."""


@dataclass(frozen=True, slots=True)
class AtLine:
    """What is to be said of a line of the file."""

    line: int
    why: str


def hashed(text: Secret) -> bytes:
    """Make `inner` of a plain key, by SHA-256. Raises ValueError for a text that is no key to import."""
    plain = text.reveal()
    if not SHORTEST_KEY <= len(plain) <= LONGEST_KEY:
        raise ValueError(f"a key has {SHORTEST_KEY} to {LONGEST_KEY} characters: a shorter one can be guessed")
    if _PRESENTABLE.fullmatch(plain) is None:
        raise ValueError("a key has printable ASCII characters only, no space: a header could not carry it")
    if parse_key(plain) is not None:
        raise ValueError("this is a key of Portazgo's own form, which holds its kid already: it can't be imported")
    return hashlib.sha256(plain.encode("ascii")).digest()


def other_inners(text: Secret, inner: bytes) -> tuple[bytes, ...]:
    """Make what the schemes but that of `inner` would have kept: the same key must not come again by another's export."""
    return tuple(one for one in possible_inners(text) if one != inner)


def read_digest(text: str, scheme: Scheme) -> bytes:
    """Read what the other system kept of a key. Raises ValueError, with the reason."""
    if _SLOW.match(text):
        raise ValueError(
            "it was hashed by a slow, salted hasher (PBKDF2, Argon2, bcrypt, scrypt), which would cost every call "
            "milliseconds and can't be looked up: give its holder a new key"
        )
    digits = text
    if scheme is Scheme.DRF:
        if not text.startswith(DRF_ALGORITHM):
            raise ValueError(f"hashed_key does not begin with {DRF_ALGORITHM}")
        digits = text.removeprefix(DRF_ALGORITHM)
    elif _SALTED.match(text):
        raise ValueError("it is salted: such a digest can't be looked up; give its holder a new key")
    expected = _DIGEST_BYTES[scheme]
    try:
        digest = bytes.fromhex(digits) if digits.isascii() and digits.isalnum() else b""
    except ValueError:
        digest = b""
    if len(digest) != expected:
        raise ValueError(f"a digest of the scheme {scheme} is {2 * expected} hexadecimal digits")
    return digest


def possible_inners(text: Secret) -> list[bytes]:
    """Make what each scheme would have kept of a presented text; of one that no header carries, nothing."""
    plain = text.reveal()
    if len(plain) > LONGEST_KEY or _PRESENTABLE.fullmatch(plain) is None:
        return []
    return [hashlib.sha256(plain.encode("ascii")).digest(), hashlib.sha512(plain.encode("ascii")).digest()]


def lookup(lookup_key: bytes, inner: bytes) -> str:
    """Return HMAC-SHA-256(look-up key, `inner`) in hexadecimal: by what nodes find whose key a text is."""
    return hmac.digest(lookup_key, inner, "sha256").hex()
