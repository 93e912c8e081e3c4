"""Whom a search for callers looks for: what is no address is refused, and an address agrees with what nodes record of it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo import _native
from portazgo.partners.callers import Caller

KEY, OTHER_KEY = bytes(range(32)), bytes(32)
ADDRESSES = st.ip_addresses()


@given(st.text(max_size=64) | st.from_regex(r"tag:[0-9a-f]*|[0-9.]+(/[0-9]+)?|[0-9a-f:]+(/[0-9]+)?", fullmatch=True))
def test_a_text_is_a_caller_or_an_error_and_never_a_crash(text: str) -> None:
    try:
        caller = Caller.parse(text)
    except ValueError:
        return
    assert (caller.network is None) != (caller.shown_tag is None)


@given(ADDRESSES)
def test_an_address_agrees_with_each_form_of_itself(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    caller = Caller.parse(str(address))
    shown = getattr(address, "ipv4_mapped", None) or address
    network = ipaddress.ip_network((shown, 24 if shown.version == 4 else 48), strict=False)
    tag = _native.address_tag(KEY, str(shown))
    assert caller.tag(KEY) == tag
    assert caller.is_told_by(str(shown), None)
    assert caller.is_told_by(str(network), None)
    assert caller.is_told_by(tag, caller.tag(KEY))
    assert not caller.is_told_by(tag, caller.tag(OTHER_KEY))
    assert not caller.is_told_by(None, tag)
    assert Caller.parse(tag).is_told_by(tag, None) is False
    assert Caller.parse(tag).is_told_by(tag, Caller.parse(tag).tag(KEY))


@given(ADDRESSES, ADDRESSES)
def test_another_address_does_not_agree(
    one: ipaddress.IPv4Address | ipaddress.IPv6Address, other: ipaddress.IPv4Address | ipaddress.IPv6Address
) -> None:
    caller = Caller.parse(str(one))
    same = (getattr(one, "ipv4_mapped", None) or one) == (getattr(other, "ipv4_mapped", None) or other)
    assert caller.is_told_by(str(other), None) is same
    assert (caller.tag(KEY) == Caller.parse(str(other)).tag(KEY)) is same


@pytest.mark.parametrize("text", ["203.0.113.0/24", "2001:db8::/48"])
def test_of_a_network_there_is_no_tag(text: str) -> None:
    assert Caller.parse(text).tag(KEY) is None
