"""Connections that rest: little memory, and nothing that a client could notice."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from support.bare_gateway import API_KEY, BareGateway, Origin, backend_to, wait_for
from support.certificates import Identity

CONNECTIONS = int(os.environ.get("PORTAZGO_TEST_IDLE_CONNECTIONS", "200"))
MOST_KILOBYTES = 20
"""Of resident memory, the stated figure."""
BEYOND_REST_SECONDS = 1.0
HEAD = f"GET /v1/things/1 HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {API_KEY}\r\n".encode()
REQUEST = HEAD + b"\r\n"

Open = Callable[[], socket.socket]


@pytest.fixture(scope="module", params=["plain", "tls"])
def open_one(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, origin: Origin, gateway: BareGateway
) -> Iterator[tuple[BareGateway, Open]]:
    """A gateway, and what connects to it."""
    if request.param == "plain":
        yield gateway, lambda: _plain(gateway)
        return
    folder = tmp_path_factory.mktemp("tls")
    authority = Identity.authority()
    chain, key = authority.server("gate.example").write(folder, "gate")
    made = ssl.create_default_context(cadata=authority.pem)
    certificates: dict[str, Any] = {"PORTAZGO_GATEWAY_TLS_CERTIFICATES": f"{chain}:{key}"}
    with BareGateway(tmp_path_factory.mktemp("tls-gateway"), backend_to(origin.url), **certificates) as running:
        yield running, lambda: made.wrap_socket(_plain(running), server_hostname="gate.example")


def _plain(gateway: BareGateway) -> socket.socket:
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=20)


def answers_of(connection: socket.socket, count: int) -> list[int]:
    """Read so many whole answers. Returns their statuses."""
    received = b""
    statuses: list[int] = []
    while len(statuses) < count:
        head, separator, rest = received.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if separator and len(rest) >= (length := int(lengths[0].split(b":")[1])):
            statuses.append(int(head.split(b" ")[1]))
            received = rest[length:]
            continue
        piece = connection.recv(65536)
        assert piece, received
        received += piece
    assert not received
    return statuses


def call(connection: socket.socket) -> int:
    connection.sendall(REQUEST)
    return answers_of(connection, 1)[0]


def test_a_rested_connection_serves_as_before(open_one: tuple[BareGateway, Open]) -> None:
    gateway, connect = open_one
    before = len(gateway.records())
    with connect() as connection, connect() as other:
        assert call(connection) == 200
        assert call(other) == 200
        time.sleep(BEYOND_REST_SECONDS)
        # Two at once, then a head in two pieces with a pause that is longer than what makes a connection rest.
        connection.sendall(REQUEST * 2)
        other.sendall(HEAD)
        assert answers_of(connection, 2) == [200, 200]
        time.sleep(BEYOND_REST_SECONDS)
        other.sendall(b"\r\n")
        assert answers_of(other, 1) == [200]
        assert call(connection) == 200
        time.sleep(BEYOND_REST_SECONDS)
    wait_for(lambda: len(gateway.records()) >= before + 6, "the records")
    # One for each request: neither resting nor leaving while at rest is anything to record.
    found = gateway.records()[before:]
    assert [(record["kind"], record["fault"], record["delivery"]) for record in found] == [
        ("request", None, "complete")
    ] * 6


def test_what_breaks_a_rule_after_a_rest_is_refused_as_ever(gateway: BareGateway) -> None:
    with _plain(gateway) as connection:
        assert call(connection) == 200
        time.sleep(BEYOND_REST_SECONDS)
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n")
        assert answers_of(connection, 1) == [400]
        assert connection.recv(1) == b""


def test_idle_connections_take_20_kilobytes_at_most(gateway: BareGateway) -> None:
    with ExitStack() as idle:
        for _ in range(20):
            assert call(idle.enter_context(_plain(gateway))) == 200
        before = settled_bytes(gateway)
        for _ in range(CONNECTIONS):
            assert call(idle.enter_context(_plain(gateway))) == 200
        each = (settled_bytes(gateway) - before) / CONNECTIONS / 1024
        print(f"an idle connection takes {each:.1f} KB")
        assert each <= MOST_KILOBYTES


def settled_bytes(gateway: BareGateway) -> int:
    time.sleep(BEYOND_REST_SECONDS)
    return gateway.resident_bytes()
