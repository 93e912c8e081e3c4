"""Whom a search for callers looks for, and what of a record agrees with it. Pure, but for the tags that nodes make.

A record holds a caller's address whole, as its network, as a keyed tag, or not at all: each by the setting of its time.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

from portazgo import _native

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_TAG = re.compile(r"tag:[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Caller:
    """An address, a network, or a tag as traces show it; of the two members one is there."""

    network: Network | None = None
    shown_tag: str | None = None

    @classmethod
    def parse(cls, text: str) -> Caller:
        """Read `203.0.113.7`, `2001:db8::7`, `203.0.113.0/24`, `tag:0123456789abcdef`. Raises ValueError."""
        if text.startswith("tag:"):
            if not _TAG.fullmatch(text):
                raise ValueError("a tag is `tag:` and 16 hexadecimal digits in lower case")
            return cls(shown_tag=text)
        network = _network(text)
        if network is None:
            raise ValueError("it is neither an address, nor a network such as 203.0.113.0/24, nor a tag")
        return cls(network=network)

    def tag(self, data_key: bytes) -> str | None:
        """Make the tag that nodes record under this data key; None: of a network there is none."""
        if self.shown_tag is not None:
            return self.shown_tag
        if self.network is None or self.network.num_addresses > 1:
            return None
        return _native.address_tag(data_key, str(self.network.network_address))

    def is_told_by(self, shown: str | None, tag: str | None) -> bool:
        """Tell whether what a record says may be this caller. `tag`: what `tag` makes under the record's data key."""
        if shown is None:
            return False
        if shown.startswith("tag:"):
            return shown == tag
        there = _network(shown)
        return (
            self.network is not None
            and there is not None
            and there.version == self.network.version
            and there.overlaps(self.network)
        )


@lru_cache(maxsize=4096)
def _network(text: str) -> Network | None:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return None
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    # Nodes write IPv4 as such, however it came.
    return ipaddress.ip_network(mapped) if mapped is not None and network.num_addresses == 1 else network
