"""The hash chain of the audit: what a row's digest is taken over, and how a row hangs on the one before. Pure.

digest = SHA-256(canonical JSON of the payload), hash = SHA-256(hash of the row before ‖ digest), both over raw bytes. The
chain runs over digests, so that a payload can be erased later (a person's name, an address) and the chain still holds.

A payload has two forms. In the first it holds everything and a random salt. In the second, which is written since, it holds the
members that are kept for ever, and the digest of a second document with the personal ones and the salt: when these are erased,
the rest is still proven. The salt goes too: nobody can guess what was erased and prove the guess by a digest.

None of this may ever change its form: rows that are years old are verified by it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

NO_HASH = "0" * 64
"""What the first row hangs on."""


def canonical(payload: Mapping[str, Any]) -> str:
    """Write JSON in the one form that is digested; it survives a column of JSON in either database.

    Both give a number back by its value: 1e22 may come back as a whole number, so a float without a fraction is one here.
    """
    return json.dumps(_exact(payload), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(payload: Mapping[str, Any]) -> str:
    """Digest a payload, in hex."""
    return hashlib.sha256(canonical(payload).encode()).hexdigest()


def link(previous: str, digest: str) -> str:
    """Hang a row with this digest on the row with the hash `previous`."""
    return hashlib.sha256(bytes.fromhex(previous) + bytes.fromhex(digest)).hexdigest()


def _exact(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _exact(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_exact(item) for item in value]
    return value
