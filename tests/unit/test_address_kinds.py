"""Which addresses are public, also where Python's own word for it is not enough."""

from __future__ import annotations

import ipaddress

import pytest

from portazgo.kit.address_kinds import is_private


@pytest.mark.parametrize(
    "address",
    [
        "fec0::1",
        "feff::1",
        "fc00::1",
        "fe80::1",
        "::1",
        "::127.0.0.1",
        "64:ff9b:1::7f00:1",
        "64:ff9b::a00:1",
        "10.0.0.1",
    ],
)
def test_no_address_of_an_inner_network_is_public(address: str) -> None:
    assert is_private(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["2606:4700::1111", "1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"])
def test_public_ones_are(address: str) -> None:
    assert not is_private(ipaddress.ip_address(address))
