"""Settings of the partners' listener: what they may be, what they contradict, what the native node is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from portazgo.node.configuration import certificate_files, native_configuration
from portazgo.settings import Settings, SettingsInvalid, load

ABSENT = Path("absent.yaml")


def settings(**environment: str) -> Settings:
    return load(environment={f"PORTAZGO_{name}": value for name, value in environment.items()}, file=ABSENT)


def told(given: Settings) -> dict[str, object]:
    document: dict[str, object] = json.loads(native_configuration(given, follows_control_plane=False))
    return document


def test_a_listener_is_plain_and_believes_x_forwarded_for_by_default() -> None:
    document = told(settings())
    assert (document["tls"], document["proxy_protocol"], document["forwarding_header"]) == (
        None,
        "off",
        "x-forwarded-for",
    )
    assert certificate_files(settings()) == []


def test_pairs_of_certificates_reach_the_node_in_their_order() -> None:
    given = settings(
        GATEWAY_TLS_CERTIFICATES="/certs/a.pem:/certs/a.key, /certs/b.pem:/certs/b.key",
        GATEWAY_TLS_CLIENT_CERTIFICATES="optional",
        GATEWAY_TLS_CLIENT_CA="/certs/clients.pem",
    )
    assert told(given)["tls"] == {
        "certificates": [
            {"certificate": "/certs/a.pem", "key": "/certs/a.key"},
            {"certificate": "/certs/b.pem", "key": "/certs/b.key"},
        ],
        "client_certificates": "optional",
        "client_ca": "/certs/clients.pem",
        "handshake_seconds": 10,
    }
    names = ["a.pem", "a.key", "b.pem", "b.key", "clients.pem"]
    assert [path.name for path in certificate_files(given)] == names


@pytest.mark.parametrize("text", ["/a.pem", ":/a.key", "/a.pem:", "/a.pem:/a.key:/x"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid, match="is no pair of paths"):
        settings(GATEWAY_TLS_CERTIFICATES=text)


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"GATEWAY_PROXY_PROTOCOL": "required"}, "no network may send it"),
        ({"GATEWAY_TLS_CLIENT_CERTIFICATES": "required"}, "need TLS and an authority"),
        (
            {"GATEWAY_TLS_CLIENT_CERTIFICATES": "optional", "GATEWAY_TLS_CERTIFICATES": "/a.pem:/a.key"},
            "need TLS and an authority",
        ),
        ({"FORWARDING_HEADER": "x-real-ip"}, "is none of x-forwarded-for, forwarded, none"),
        ({"GATEWAY_PROXY_PROTOCOL": "auto"}, "is none of off, required"),
    ],
)
def test_contradictions_are_told(environment: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsInvalid, match=named):
        settings(**environment)


def test_what_a_node_takes_on_reaches_it() -> None:
    said = {
        "MAX_IN_FLIGHT": "64",
        "MAX_MEMORY": "2GiB",
        "MAX_BACKLOG": "5ms",
        "WRITE_TIMEOUT": "10s",
        "BODY_RATE": "off",
    }
    limits = told(settings(**said))["limits"]
    assert isinstance(limits, dict)
    names = ("in_flight", "memory_bytes", "backlog_us", "write_seconds", "body_bytes_per_second", "connections")
    assert [limits[name] for name in names] == [64, 2 * 1024**3, 5000, 10, 0, 10_000]
    off = told(settings(MAX_BACKLOG="off"))["limits"]
    assert isinstance(off, dict)
    assert off["backlog_us"] == 0
    assert told(settings(DISK_FULL="serve"))["journal"] == {
        "seal_ms": 1000,
        "seal_bytes": 1_048_576,
        "sync_ms": 5,
        "when_full": "serve",
        "client_address": {"live": "whole", "test": "whole", "other": "whole"},
    }
    tagged = told(settings(CLIENT_ADDRESS="tag"))["journal"]
    assert isinstance(tagged, dict)
    assert tagged["client_address"] == {"live": "tag", "test": "tag", "other": "tag"}
    apart = told(settings(CLIENT_ADDRESS="truncated", CLIENT_ADDRESS_LIVE="none", CLIENT_ADDRESS_TEST="whole"))[
        "journal"
    ]
    assert isinstance(apart, dict)
    assert apart["client_address"] == {"live": "none", "test": "whole", "other": "truncated"}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("MAX_CONNECTIONS", "0", "is no number from 1"),
        ("MAX_MEMORY", "2GB", "is no amount of memory"),
        ("MAX_MEMORY", "1MiB", "would refuse traffic at once"),
        ("WRITE_TIMEOUT", "0s", "less than 1s"),
        ("MAX_BACKLOG", "20", "is no time from 1ms to 10000ms"),
        ("MAX_BACKLOG", "0ms", "is no time from 1ms"),
        ("BODY_RATE", "-1", "is no number of bytes per second"),
        ("DISK_FULL", "ignore", "is none of refuse, serve"),
    ],
)
def test_a_bound_that_is_none_is_refused(name: str, text: str, why: str) -> None:
    with pytest.raises(SettingsInvalid, match=why):
        settings(**{name: text})
