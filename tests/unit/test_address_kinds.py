"""Which addresses are public, also where Python's own word for it is not enough."""

from __future__ import annotations

import ipaddress

import pytest

from portazgo.kit.address_kinds import is_never_called, is_private


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
        "192.0.0.1",
        "192.0.0.192",
    ],
)
def test_no_address_of_an_inner_network_is_public(address: str) -> None:
    assert is_private(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["2606:4700::1111", "1.1.1.1", "64:ff9b::101:101", "2002:101:101::1", "192.0.0.9"])
def test_public_ones_are(address: str) -> None:
    assert not is_private(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fd00:42::42",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "::ffff:168.63.129.16",
        "64:ff9b::6464:64c8",
    ],
)
def test_where_clouds_keep_credentials_nothing_is_called(address: str) -> None:
    assert is_never_called(ipaddress.ip_address(address))
    assert is_private(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["fd00:ec2::253", "100.100.100.201", "168.63.129.17", "10.0.0.1", "::1"])
def test_beside_them_an_operator_may_mean_something(address: str) -> None:
    assert not is_never_called(ipaddress.ip_address(address))
