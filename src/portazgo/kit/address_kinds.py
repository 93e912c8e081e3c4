"""Which IP addresses belong to nobody's service, and which to a private network. Pure; source: RFC 6890.

Also where an IPv4 address hides inside of an IPv6 one (mapped, 6to4, Teredo, NAT64), or is written as resolvers read it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Where clouds keep credentials, beside link-local addresses: AWS, Google and Scaleway (IPv6), Alibaba, Oracle, Azure's agent.
# They lie among addresses of others, public and private ones.
_OF_CLOUDS = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:42::42",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
    )
)
# IETF protocol assignments, which Python takes for public but for a few.
_ASSIGNED = ipaddress.IPv4Network("192.0.0.0/24")
_ASSIGNED_PUBLIC = frozenset({ipaddress.IPv4Address("192.0.0.9"), ipaddress.IPv4Address("192.0.0.10")})
_NUMBER = re.compile(r"0[xX][0-9a-fA-F]{1,16}|[0-9]{1,16}")
_PARTS_AT_MOST = 4
_IPV4_BITS = 32


def written_address(host: str) -> IPAddress | None:
    """Read a host that is an address; None: it is a name.

    As resolvers do: `169.254.43518`, `0xa9fea9fe` and `2852039166` are 169.254.169.254 too, and a leading zero means octal.
    """
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return _classful_address(host)


def _classful_address(host: str) -> IPAddress | None:
    parts = host.split(".")
    if len(parts) > _PARTS_AT_MOST or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        *leading, last = [_number(part) for part in parts]
    except ValueError:
        return None
    # The last part fills what the others leave.
    left = _IPV4_BITS - 8 * len(leading)
    if any(part > 0xFF for part in leading) or last >= 1 << left:  # noqa: PLR2004 - a byte
        return None
    value = last
    for index, part in enumerate(leading):
        value |= part << (24 - 8 * index)
    return ipaddress.IPv4Address(value)


def _number(part: str) -> int:
    if part[:2] in {"0x", "0X"}:
        return int(part, 16)
    return int(part, 8) if part.startswith("0") else int(part)


def is_private(address: IPAddress) -> bool:
    """Tell whether an address belongs to anything but the public internet."""
    hidden = _hidden_ipv4(address)
    if hidden is not None:
        return is_private(hidden)
    # Site-local addresses were given up by RFC 3879, which Python takes for public; networks that had them have them.
    site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    assigned = address in _ASSIGNED and address not in _ASSIGNED_PUBLIC
    not_global = not address.is_global or site_local or assigned or address in _OF_CLOUDS
    return not_global or address.is_multicast or address.is_reserved or address.is_unspecified


def lies_in(address: IPAddress, networks: Iterable[Network]) -> bool:
    """Tell whether one of the networks holds the address as it is written: `::ffff:10.0.0.1` lies in no IPv4 network."""
    return any(address in network for network in networks)


def is_never_called(address: IPAddress) -> bool:
    """Tell whether nothing that an operator means lives there: link-local and elsewhere, where clouds keep credentials."""
    hidden = _hidden_ipv4(address)
    if hidden is not None:
        return is_never_called(hidden)
    # Loopback counts as reserved in IPv6.
    reserved = address.is_reserved and not address.is_loopback
    nobodys = address.is_link_local or address.is_multicast or address.is_unspecified or reserved
    return nobodys or address in _OF_CLOUDS


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
