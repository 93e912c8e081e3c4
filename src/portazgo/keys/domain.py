"""The form of an API key, what is kept of it, and what may happen to it. Pure rules.

`<prefix>_<live|test>_<kid 10>_<secret 32><crc 6>`, base62 digits in the order 0-9A-Za-z; the CRC-32 (IEEE) is taken
over everything before it (docs/wire.md, section 1).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from portazgo.kit.ids import BASE62, base62, is_kid, random_base62
from portazgo.kit.names import check_tags, is_fingerprint
from portazgo.kit.secret import Secret

Kid = NewType("Kid", str)
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KID_PATTERN = r"^[0-9A-Za-z]{10}$"
SECRET_LENGTH = 32
CRC_LENGTH = 6
PEPPER_BYTES = 32
NETWORKS_AT_MOST = 100
ROUTES_AT_MOST = 500
CERTIFICATES_AT_MOST = 5

_BASE62_DIGITS = frozenset(BASE62)


class KeyStatus(StrEnum):
    """Whether a key is let through. `revoked` is final."""

    ACTIVE = "active"
    DISABLED = "disabled"
    REVOKED = "revoked"


class Disabled(StrEnum):
    """Why a key is disabled: somebody did it, or it was not used for too long."""

    OPERATOR = "operator"
    DORMANT = "dormant"


class SecretSlot(StrEnum):
    """Which of a key's secrets: the one to use, or the one that ends soon."""

    CURRENT = "current"
    RETIRING = "retiring"


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """A key of our form whose CRC is right. Nothing of it is proven."""

    prefix: str
    environment: str
    kid: Kid
    secret: Secret


def is_secret(text: str) -> bool:
    """Tell whether the text has the form of a key's secret part."""
    return len(text) == SECRET_LENGTH and _BASE62_DIGITS.issuperset(text)


def new_secret() -> Secret:
    """Draw the secret part of a key: about 190 random bits."""
    return Secret(random_base62(SECRET_LENGTH))


def crc(text: str) -> str:
    """Return the CRC-32 (IEEE) of the ASCII text as 6 base62 digits, zero-padded."""
    return base62(zlib.crc32(text.encode("ascii")), CRC_LENGTH)


def format_key(prefix: str, environment: str, kid: Kid, secret: Secret) -> str:
    """Spell the whole key, as its owner sees it once."""
    text = f"{prefix}_{environment}_{kid}_{secret.reveal()}"
    return text + crc(text)


def parse_key(text: str) -> ParsedKey | None:
    """Read a key of our form; None for any other text or a wrong CRC (a typing error costs no look-up)."""
    head, _, tail = text.rpartition("_")
    prefix, _, middle = head.partition("_")
    environment, _, kid = middle.partition("_")
    right_form = (
        text.isascii()
        and prefix.isalnum()
        and environment in {"live", "test"}
        and is_kid(kid)
        and is_secret(tail[:SECRET_LENGTH])
        and len(tail) == SECRET_LENGTH + CRC_LENGTH
    )
    if not right_form or crc(text[:-CRC_LENGTH]) != text[-CRC_LENGTH:]:
        return None
    return ParsedKey(prefix, environment, Kid(kid), Secret(tail[:SECRET_LENGTH]))


def inner(secret: Secret) -> bytes:
    """Return SHA-256 over the secret's ASCII bytes: what digests and seals are made of."""
    return hashlib.sha256(secret.reveal().encode("ascii")).digest()


def digest(pepper: bytes, inner_digest: bytes) -> str:
    """Return HMAC-SHA-256(pepper, `inner`) in hexadecimal: the only form in which nodes know a secret."""
    return hmac.digest(pepper, inner_digest, "sha256").hex()


def check_networks(networks: Sequence[str]) -> list[str]:
    """Return the networks in their canonical spelling, without repetition, in the order given.

    Raises ValueError for one that is no CIDR network, or that has bits set beyond its prefix.
    """
    return list(dict.fromkeys(str(_network(text)) for text in networks))


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is no network such as 203.0.113.0/24 or 2001:db8::/32 (bits after the prefix must be 0)"
        ) from None


def narrows(before: Sequence[str] | None, after: Sequence[str] | None) -> bool:
    """Tell whether some address that was allowed no longer is. None allows any address."""
    if after is None:
        return False
    if before is None:
        return True
    allowed = [_network(text) for text in after]
    return not all(any(_contains(outer, _network(inner)) for outer in allowed) for inner in before)


def common(one: Sequence[str] | None, other: Sequence[str] | None) -> list[str]:
    """Give the networks that both allow; none where they have no address in common. None allows any address.

    Raises ValueError for what is no network, and when both allow any address: that is no list.
    """
    if one is None or other is None:
        listed = one if other is None else other
        if listed is None:
            raise ValueError("both allow any address")
        return list(listed)
    inner = [text for text in one if any(_contains(_network(outer), _network(text)) for outer in other)]
    inner += [text for text in other if any(_contains(_network(outer), _network(text)) for outer in one)]
    return list(dict.fromkeys(inner))


def _contains(outer: Network, inner: Network) -> bool:
    if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False


def check_certificates(fingerprints: Sequence[str]) -> list[str]:
    """Return SHA-256 fingerprints as 64 small hexadecimal digits, without repetition.

    Takes them with colons too, as openssl writes them. Raises ValueError for one that is none, for none, for too many.
    """
    checked = list(dict.fromkeys(_fingerprint(text) for text in fingerprints))
    if not 1 <= len(checked) <= CERTIFICATES_AT_MOST:
        raise ValueError(f"a key is bound to 1 to {CERTIFICATES_AT_MOST} client certificates; null: to none")
    return checked


def _fingerprint(text: str) -> str:
    if not is_fingerprint(text):
        raise ValueError(
            f"{text!r} is no fingerprint: it must be the SHA-256 of a certificate, 64 hexadecimal digits, "
            "or 32 pairs of them with colons between"
        )
    return text.replace(":", "").lower()


def check_expiry(expires_at: datetime | None, now: datetime) -> datetime | None:
    """Return the expiry when it lies ahead. Raises ValueError otherwise."""
    if expires_at is not None and expires_at <= now:
        raise ValueError("expires_at lies in the past: such a key could never be used")
    return expires_at


def retagged(tags: Sequence[str], add: Sequence[str], remove: Sequence[str]) -> list[str]:
    """Add tags and take others away; what is there already, or isn't, is no error. Raises ValueError for too many."""
    return check_tags([*(tag for tag in tags if tag not in remove), *(tag for tag in add if tag not in remove)])
