"""What the form of a key promises."""

from __future__ import annotations

import hashlib
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portazgo.keys.domain import (
    CRC_LENGTH,
    Kid,
    check_expiry,
    check_networks,
    crc,
    digest,
    format_key,
    inner,
    is_secret,
    narrows,
    new_secret,
    parse_key,
)
from portazgo.kit.ids import BASE62
from portazgo.kit.secret import Secret

base62 = st.text(alphabet=BASE62, min_size=32, max_size=32)
kids = st.text(alphabet=BASE62, min_size=10, max_size=10)
prefixes = st.from_regex(r"[a-z][a-z0-9]{1,15}", fullmatch=True)


@given(prefix=prefixes, environment=st.sampled_from(["live", "test"]), kid=kids, secret=base62)
def test_a_written_key_reads_back_as_its_parts(prefix: str, environment: str, kid: str, secret: str) -> None:
    parsed = parse_key(format_key(prefix, environment, Kid(kid), Secret(secret)))
    assert parsed is not None
    assert (parsed.prefix, parsed.environment, parsed.kid, parsed.secret.reveal()) == (prefix, environment, kid, secret)


@given(kid=kids, secret=base62, position=st.integers(min_value=0, max_value=58), other=st.sampled_from(BASE62))
def test_one_changed_character_is_noticed(kid: str, secret: str, position: int, other: str) -> None:
    key = format_key("ptz", "live", Kid(kid), Secret(secret))
    position %= len(key)
    changed = key[:position] + other + key[position + 1 :]
    if changed != key:
        assert parse_key(changed) is None


@given(st.text())
def test_any_text_may_be_presented(text: str) -> None:
    assert parse_key(text) is None


@given(st.text(alphabet=BASE62 + "_"))
def test_the_crc_is_the_one_of_zlib_in_base62(text: str) -> None:
    value = 0
    digits = crc(text)
    for digit in digits:
        value = value * 62 + BASE62.index(digit)
    assert value == zlib.crc32(text.encode())
    assert len(digits) == CRC_LENGTH


def test_a_known_key_keeps_its_spelling() -> None:
    key = format_key("ptz", "live", Kid("0123456789"), Secret("A" * 32))
    assert key == "ptz_live_0123456789_" + "A" * 32 + crc("ptz_live_0123456789_" + "A" * 32)
    # The check value of CRC-32/ISO-HDLC over "123456789" is 0xCBF43926 = 3·62⁵ + 45·62⁴ + 35·62³ + 27·62² + 22·62 + 14.
    assert crc("123456789") == "3jZRME"


def test_a_new_secret_has_its_form_and_shows_itself_nowhere() -> None:
    secret = new_secret()
    assert is_secret(secret.reveal())
    assert secret != new_secret()
    assert secret.reveal() not in repr(parse_key(format_key("ptz", "live", Kid("0123456789"), secret)))


def test_the_digest_is_hmac_over_the_sha256_of_the_secret() -> None:
    # Reference: `printf %s AAAA… | openssl dgst -sha256 -binary | openssl dgst -sha256 -mac hmac -macopt hexkey:0000…`
    hashed = inner(Secret("A" * 32))
    assert hashed == hashlib.sha256(b"A" * 32).digest()
    block = bytes(64)
    outer = hashlib.sha256(
        bytes(b ^ 0x5C for b in block) + hashlib.sha256(bytes(b ^ 0x36 for b in block) + hashed).digest()
    )
    assert digest(bytes(32), hashed) == outer.hexdigest()


def test_networks_get_one_spelling() -> None:
    assert check_networks(["203.0.113.7", "2001:DB8::/32", "203.0.113.7/32"]) == ["203.0.113.7/32", "2001:db8::/32"]


@pytest.mark.parametrize("text", ["203.0.113.7/24", "203.0.113", "::1/129", "", "localhost", "0.0.0.0/33"])
def test_what_is_no_network_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="is no network") as caught:
        check_networks(["10.0.0.0/8", text])
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("before", "after", "narrower"),
    [
        (None, None, False),
        (None, ["0.0.0.0/0"], True),
        (["10.0.0.0/8"], None, False),
        (["10.1.0.0/16"], ["10.0.0.0/8", "::/0"], False),
        (["10.0.0.0/8"], ["10.1.0.0/16"], True),
        (["10.0.0.0/8", "2001:db8::/32"], ["10.0.0.0/8"], True),
        (["10.0.0.0/8"], [], True),
        ([], ["10.0.0.0/8"], False),
    ],
)
def test_narrowing_is_noticed(before: list[str] | None, after: list[str] | None, narrower: bool) -> None:
    assert narrows(before, after) is narrower


def test_a_key_that_has_expired_already_is_refused() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert check_expiry(None, now) is None
    assert check_expiry(now + timedelta(seconds=1), now) == now + timedelta(seconds=1)
    with pytest.raises(ValueError, match="past"):
        check_expiry(now, now)
