"""A guard against server-side request forgery.

What a person or a document names as an address is looked up once, judged, and then called at exactly the address that
was judged.

Refused unless `allow_private`, or in `networks`: loopback, private, carrier-grade NAT. Refused always: link-local (cloud
metadata among them), multicast, reserved, unspecified. Also where they hide inside IPv6 (kit/address_kinds.py). Source:
OWASP SSRF prevention.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from portazgo.kit.address_kinds import IPAddress, Network, is_never_called, is_private, lies_in

Resolve = Callable[[str, int], list[IPAddress]]

_DEFAULT_PORTS = {"http": 80, "https": 443}


class AddressRefused(ValueError):
    """This address is not called; the message says why."""


@dataclass(frozen=True, slots=True)
class PinnedAddress:
    """A URL's host with the one address that was judged; connect to `address`, speak to `host`."""

    scheme: str
    host: str
    port: int
    address: str

    @property
    def is_private(self) -> bool:
        """Whether it lies in a private or local network."""
        return is_private(ipaddress.ip_address(self.address))

    @property
    def authority(self) -> str:
        """What the Host header says: the host as it goes over the wire, and the port where it isn't the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host.encode("idna").decode("ascii")
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


def pin(
    url: str, *, allow_private: bool = False, networks: Sequence[Network] = (), resolve: Resolve | None = None
) -> PinnedAddress:
    """Look the host of an http(s) URL up once and judge every address found. Raises AddressRefused.

    `networks` are the private ones that are called all the same. `resolve` gives the
    addresses of a host, as the system's resolver does where it is None.
    """
    scheme, host, port = _split(url)
    addresses = (resolve or _resolve)(host, port)
    for address in addresses:
        # One private answer among public ones is how rebinding looks: refuse them all.
        if is_never_called(address):
            raise AddressRefused(f"{host} is at {address}, which is never called")
        if is_private(address) and not allow_private and not lies_in(address, networks):
            raise AddressRefused(f"{host} is at {address}, inside a private or local network")
    return PinnedAddress(scheme, host, port, str(addresses[0]))


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
