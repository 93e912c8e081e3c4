"""Tokens of the control plane: 43 base62 characters after a prefix, 256 bits; only their SHA-256 is kept.

Such a token is random, so that a plain hash is enough: there is no dictionary to try.
"""

from __future__ import annotations

import hashlib

from portazgo.kit.ids import random_base62
from portazgo.kit.secret import Secret

ADMIN_PREFIX = "ptza_"
NODE_PREFIX = "ptzn_"
_LENGTH = 43


def new_token(prefix: str) -> Secret:
    """Draw a token."""
    return Secret(prefix + random_base62(_LENGTH))


def digest_of(token: Secret) -> str:
    """Hash a token for its row; looking a row up by this leaks nothing that timing could tell."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()
