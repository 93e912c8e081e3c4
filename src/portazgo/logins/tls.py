"""A backend's rules of TLS, for what Python calls of it: own authorities, revocation lists, pinned keys."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

CONTEXTS_AT_MOST = 32


class NotPinned(Exception):
    """The other side has shown a key that is none of those that are pinned."""


def client_context(rules: Mapping[str, Any] | None, offered: tuple[str, ...] = ()) -> ssl.SSLContext:
    """Make a context that verifies by these rules; pins are checked when the session stands. `offered`: by ALPN."""
    rules = rules or {}
    return _context(rules.get("ca"), rules.get("crl"), offered)


@lru_cache(CONTEXTS_AT_MOST)
def _context(authorities: str | None, revocation_lists: str | None, offered: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if offered:
        context.set_alpn_protocols(list(offered))
    if revocation_lists is not None:
        # OpenSSL reads lists from files only.
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(revocation_lists)
            file.flush()
            context.load_verify_locations(cafile=file.name)
        context.verify_flags |= ssl.VerifyFlags.VERIFY_CRL_CHECK_LEAF
    return context


def require_pinned(session: ssl.SSLSocket, rules: Mapping[str, Any] | None) -> None:
    """Raise NotPinned unless the other side's key is pinned, where any is."""
    pins = (rules or {}).get("pins_sha256") or []
    if pins:
        pin = _pin_of(session.getpeercert(binary_form=True) or b"")
        if not any(hmac.compare_digest(pin, known) for known in pins):
            raise NotPinned


def _pin_of(certificate: bytes) -> str:
    from cryptography import x509  # noqa: PLC0415 - only where keys are pinned
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415 - likewise

    key = x509.load_der_x509_certificate(certificate).public_key()
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(spki).digest()).decode("ascii")
