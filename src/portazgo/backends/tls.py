"""How TLS to a backend is verified: what the rules may be. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from cryptography import x509

PIN_BYTES = 32
PINS_AT_MOST = 16
PEM_CHARACTERS_AT_MOST = 262_144
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45}")


def check_authorities(text: str) -> str:
    """Return certificates in PEM form as they are. Raises ValueError when it holds none, or something that is none."""
    try:
        x509.load_pem_x509_certificates(text.encode())
    except ValueError:
        raise ValueError("it must hold certificates in PEM form (-----BEGIN CERTIFICATE-----)") from None
    return text


def check_revocation_lists(text: str) -> str:
    """Return revocation lists in PEM form as they are. Raises ValueError when it holds none, or something that is none."""
    end = "-----END X509 CRL-----"
    lists = [part + end for part in text.split(end)[:-1]]
    try:
        for one in lists:
            x509.load_pem_x509_crl(one[one.index("-----BEGIN X509 CRL-----") :].encode())
    except ValueError:
        lists = []
    if not lists:
        raise ValueError("it must hold revocation lists in PEM form (-----BEGIN X509 CRL-----)")
    return text


def check_pins(pins: Sequence[str]) -> list[str]:
    """Return pins without repetition. Raises ValueError for one that is no SHA-256 in Base64."""
    for pin in pins:
        try:
            digest = base64.b64decode(pin, validate=True)
        except binascii.Error:
            digest = b""
        if len(digest) != PIN_BYTES:
            raise ValueError(
                f"{pin!r} is no pin: it must be the SHA-256 of a public key (SPKI) in Base64, 44 characters"
            )
    kept = list(dict.fromkeys(pins))
    if len(kept) > PINS_AT_MOST:
        raise ValueError(f"a backend has at most {PINS_AT_MOST} pins in an environment")
    return kept


def check_server_name(name: str) -> str:
    """Return the name that the certificate must be for, in small letters. Raises ValueError when it can be none."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name that a certificate can be for")
    return name.lower()


def check_rules(targets: Sequence[str], rules: object | None) -> None:
    """Check that rules stand where there is TLS. Raises ValueError."""
    if rules is not None and not any(target.startswith("https://") for target in targets):
        raise ValueError("tls says how https:// targets are verified, and there is none among the targets")
