"""A guard against server-side request forgery.

What a person or a document names as an address is looked up once, judged, and then called at exactly the address that
was judged.

Refused unless `allow_private`: loopback, private, link-local (cloud metadata among them), carrier-grade NAT, multicast,
reserved; also where they hide inside IPv6 (mapped, 6to4, Teredo, NAT64). Source: RFC 6890, OWASP SSRF prevention.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class AddressRefused(ValueError):
    """This address is not called; the message says why."""


@dataclass(frozen=True, slots=True)
class PinnedAddress:
    """A URL's host with the one address that was judged; connect to `address`, speak to `host`."""

    scheme: str
    host: str
    port: int
    address: str


def pin(url: str, *, allow_private: bool = False) -> PinnedAddress:
    """Look the host of an http(s) URL up once and judge every address found. Raises AddressRefused."""
    scheme, host, port = _split(url)
    addresses = _resolve(host, port)
    if not allow_private:
        for address in addresses:
            if is_private(address):
                # One private answer among public ones is how rebinding looks: refuse them all.
                raise AddressRefused(f"{host} is at {address}, inside a private or local network")
    return PinnedAddress(scheme, host, port, str(addresses[0]))


def is_private(address: IPAddress) -> bool:
    """Tell whether an address belongs to anything but the public internet."""
    hidden = _hidden_ipv4(address)
    if hidden is not None:
        return is_private(hidden)
    return not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified


def _hidden_ipv4(address: IPAddress) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _split(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise AddressRefused("this is no URL") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise AddressRefused("only http:// and https:// URLs are called")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("a URL with a user name or password is not called")
    return parts.scheme, parts.hostname, port or _DEFAULT_PORTS[parts.scheme]


def _resolve(host: str, port: int) -> list[IPAddress]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressRefused(f"the host {host!r} is not known") from None
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
