"""What arguments may look like."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from support.certificates import Identity

from portazgo.cli.find import is_id, kid_of
from portazgo.cli.parameters import (
    count_or_any,
    duration,
    duration_or_none,
    fingerprint,
    given,
    milliseconds,
    pair,
    prefixes,
    rfc3339,
    short_duration,
    since,
    until,
)
from portazgo.cli.session import Failed


def test_durations_have_a_unit() -> None:
    assert [milliseconds(duration(text)) for text in ("250ms", "30s", "10m", "1h", "7d")] == [
        250,
        30_000,
        600_000,
        3_600_000,
        604_800_000,
    ]
    for text in ("30", "-1s", "1.5h", "1 h", ""):
        with pytest.raises(click.BadParameter, match="is no duration"):
            duration(text)


def test_a_bound_or_an_end_may_be_none() -> None:
    assert [count_or_any(text) for text in ("8", "any")] == [8, "any"]
    assert [duration_or_none(text) for text in ("90s", "none")] == [timedelta(seconds=90), "none"]
    assert [short_duration(length) for length in (0, 1_500, 30_000, 60_000, 86_400_000)] == [
        "0s",
        "1500ms",
        "30s",
        "1m",
        "1d",
    ]
    with pytest.raises(click.BadParameter, match="neither a number nor any"):
        count_or_any("many")


def test_a_client_certificate_is_a_file_or_its_fingerprint(tmp_path: Path) -> None:
    authority = Identity.authority()
    client = authority.client("erp.example")
    digest = client.certificate.fingerprint(SHA256()).hex()
    # What openssl and others write around it counts for nothing; the client's own certificate stands first.
    file = tmp_path / "client.pem"
    file.write_text(f"subject=CN = erp.example\n{client.pem}{authority.pem}")
    assert fingerprint(str(file)) == digest
    assert [fingerprint(text) for text in (digest, digest.upper())] == [digest, digest.upper()]
    colons = ":".join(digest[place : place + 2] for place in range(0, 64, 2))
    assert fingerprint(colons) == colons
    (tmp_path / "spoilt.pem").write_text("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n")
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    for name in ("spoilt.pem", "key.pem"):
        with pytest.raises(click.BadParameter, match="holds no certificate"):
            fingerprint(str(tmp_path / name))
    with pytest.raises(click.BadParameter, match="does not exist"):
        fingerprint(str(tmp_path / "none.pem"))
    with pytest.raises(click.BadParameter, match="can't be read"):
        fingerprint(str(tmp_path))


def test_a_time_is_a_moment_or_so_long_ago_or_ahead() -> None:
    now = datetime.now(UTC)
    assert timedelta() <= now - since("15m") - timedelta(minutes=15) < timedelta(seconds=60) or since("15m") < now
    assert abs(now - timedelta(minutes=15) - since("15m")) < timedelta(seconds=60)
    assert abs(now + timedelta(days=90) - until("90d")) < timedelta(seconds=60)
    assert rfc3339(since("2026-11-24T13:00:00+01:00")) == "2026-11-24T12:00:00Z"
    assert rfc3339(until("2026-12-31")) == "2026-12-31T00:00:00Z"
    assert rfc3339(None) is None
    with pytest.raises(click.BadParameter, match="neither a duration"):
        since("yesterday")


def test_a_pair_s_value_is_json_where_it_reads_as_json() -> None:
    read = [pair(text) for text in ("tier=gold", "seats=3", 'seats="3"', "on=true", "x={partner.name}", "q=a=b", "e=")]
    assert read == [
        ("tier", "gold"),
        ("seats", 3),
        ("seats", "3"),
        ("on", True),
        ("x", "{partner.name}"),
        ("q", "a=b"),
        ("e", ""),
    ]
    for text in ("tier", "=gold"):
        with pytest.raises(click.BadParameter, match="is no name=value"):
            pair(text)


def test_prefixes_are_two() -> None:
    assert prefixes("/api=/v1") == ("/api", "/v1")
    with pytest.raises(click.BadParameter, match="no pair of prefixes"):
        prefixes("/api")


def test_what_was_not_given_is_left_out() -> None:
    assert given(name="a", plan=None, scopes=(), networks=("10.0.0.0/8",), count=0) == {
        "name": "a",
        "networks": ["10.0.0.0/8"],
        "count": 0,
    }


def test_a_whole_key_stands_for_its_kid() -> None:
    assert kid_of("7hK2mQ9xTb") == "7hK2mQ9xTb"
    assert kid_of("ptz_live_7hK2mQ9xTb_" + "x" * 38) == "7hK2mQ9xTb"
    assert kid_of("acme_test_7hK2mQ9xTb_" + "x" * 38) == "7hK2mQ9xTb"
    for text in ("7hK2mQ9xT", "../partners", "7hK2mQ9xT!", ""):
        with pytest.raises(Failed, match="no kid"):
            kid_of(text)


def test_an_id_is_told_from_a_name() -> None:
    assert is_id("01990000-0000-7000-8000-000000000001")
    assert not is_id("acme")
    assert not is_id("01990000000070008000000000000001")
