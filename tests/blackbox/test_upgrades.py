"""WebSockets: tunnelled where a route allows it, refused elsewhere, recorded once, and bounded in memory and time."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from support.bare_gateway import API_KEY, BareGateway, backend_to, wait_for
from support.certificates import Identity, trusting
from support.kernel import slow_reader, unread_bytes
from support.websocket import (
    KEY,
    PATIENCE_SECONDS,
    WebSocketBackend,
    accept_of,
    connect,
    handshake,
    read_exactly,
    read_head,
    switching,
)

WITH_KEY = f"X-Api-Key: {API_KEY}"
ROUTE = {"upgrades": ["websocket"]}
PIECE_BYTES = 30_000
MOST_GROWTH_BYTES = 16 * 1024 * 1024
# What the kernel may hold and a piece in the node: a node that reads on takes all of the flood.
STOPPED_BYTES = unread_bytes() + 1024 * 1024
FLOOD_BYTES = max(100 * 1024 * 1024, 2 * STOPPED_BYTES)


@pytest.fixture(scope="module")
def backend() -> Iterator[WebSocketBackend]:
    with WebSocketBackend() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, backend: WebSocketBackend) -> Iterator[BareGateway]:
    with BareGateway(tmp_path_factory.mktemp("gateway"), backend_to(backend.url), get=ROUTE) as running:
        yield running


@pytest.fixture
def before(gateway: BareGateway) -> int:
    return len(gateway.records())


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side has ended or broken off; what it still sends is dropped."""
    with suppress(ConnectionError):
        while connection.recv(65536):
            pass
    return True


def test_a_websocket_is_tunnelled_both_ways_and_leaves_one_record(
    gateway: BareGateway, backend: WebSocketBackend, before: int
) -> None:
    backend.heads.clear()
    lines = (WITH_KEY, "Sec-WebSocket-Protocol: chat", "Origin: https://app.example", "Cookie: inside=1")
    data = os.urandom(300_000)
    with connect(gateway.port) as client:
        client.sendall(handshake(gateway.port, *lines))
        head, early = read_head(client)
        assert head.startswith(b"HTTP/1.1 101 ")
        names = {line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}
        assert names >= {b"upgrade", b"connection", b"sec-websocket-protocol", b"x-request-id"}
        assert not names & {b"server", b"content-length", b"transfer-encoding"}
        assert f"sec-websocket-accept: {accept_of(KEY)}".encode() in head
        assert read_exactly(client, 5, early) == b"hello"
        for start in range(0, len(data), PIECE_BYTES):
            piece = data[start : start + PIECE_BYTES]
            client.sendall(piece)
            assert read_exactly(client, len(piece)) == piece
        time.sleep(1.2)
        assert len(gateway.records()) == before, "the record is final when the tunnel ends"
        client.shutdown(socket.SHUT_WR)
        assert is_closed(client)
    record = gateway.wait_for_records(before + 1)[-1]
    facts = ("status_sent", "backend_status", "fault", "delivery", "billable", "attempts")
    assert [record[fact] for fact in facts] == [101, 101, None, "complete", True, 1]
    assert record["backend_bytes_in"] == len(data) + 5
    assert record["backend_bytes_out"] == len(data)
    assert record["bytes_out"] == len(data) + 5 + len(head)
    (seen,) = backend.heads
    lower = seen.lower()
    assert f"sec-websocket-key: {KEY}".lower() in lower
    assert "upgrade: websocket" in lower
    assert "origin: https://app.example" in lower
    assert "x-api-key" not in lower
    assert "cookie" not in lower


@pytest.mark.parametrize("apart", [0, 40], ids=["in one packet", "behind a head in two packets"])
def test_what_follows_a_handshake_is_never_a_request(
    gateway: BareGateway, backend: WebSocketBackend, before: int, apart: int
) -> None:
    backend.heads.clear()
    smuggled = f"GET /v1/things/2 HTTP/1.1\r\nHost: a\r\n{WITH_KEY}\r\n\r\n".encode()
    sent = handshake(gateway.port, WITH_KEY) + smuggled
    with connect(gateway.port) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if apart:
            client.sendall(sent[:apart])
            time.sleep(0.2)
        client.sendall(sent[apart:])
        _, early = read_head(client)
        assert read_exactly(client, 5 + len(smuggled), early) == b"hello" + smuggled
    gateway.wait_for_records(before + 1)
    time.sleep(0.2)
    assert len(backend.heads) == 1


@pytest.mark.parametrize(
    ("sent", "status", "fault"),
    [
        (handshake(1), 401, "key_missing"),
        (handshake(1, WITH_KEY, path="/v1/nothing"), 404, "route_unknown"),
        (handshake(1, WITH_KEY, path="/.well-known/jwks.json"), 400, "upgrade_refused"),
        (handshake(1, WITH_KEY).replace(b"GET", b"POST"), 400, "upgrade_refused"),
        (handshake(1, WITH_KEY).replace(b"HTTP/1.1", b"HTTP/1.0"), 400, "upgrade_refused"),
        (handshake(1, WITH_KEY).replace(b"Connection: Upgrade", b"Connection: keep-alive"), 400, "upgrade_refused"),
        (handshake(1, WITH_KEY, "Content-Length: 5") + b"hello", 400, "upgrade_refused"),
        (handshake(1, WITH_KEY, "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400, "upgrade_refused"),
        (handshake(1, WITH_KEY, "Upgrade: h2c"), 400, "upgrade_refused"),
        (handshake(1, WITH_KEY).replace(b"websocket", b"h2c, websocket"), 400, "upgrade_refused"),
        (handshake(1, WITH_KEY).replace(b"Version: 13", b"Version: 8"), 400, "head_malformed"),
        (handshake(1, WITH_KEY, f"Sec-WebSocket-Key: {KEY}"), 400, "head_malformed"),
        (handshake(1, WITH_KEY).replace(KEY.encode(), b"c2hvcnQ="), 400, "head_malformed"),
    ],
)
def test_a_handshake_that_is_not_one_or_not_allowed_reaches_no_backend(
    gateway: BareGateway, backend: WebSocketBackend, before: int, sent: bytes, status: int, fault: str
) -> None:
    backend.heads.clear()
    with connect(gateway.port) as client:
        client.sendall(sent)
        head, _ = read_head(client)
        assert head.startswith(f"HTTP/1.1 {status} ".encode()), head
        assert is_closed(client)
    record = gateway.wait_for_records(before + 1)[-1]
    assert (record["status_sent"], record["fault"]) == (status, fault)
    assert backend.heads == []


def test_a_route_that_does_not_allow_it_refuses(tmp_path: Path, backend: WebSocketBackend) -> None:
    backend.heads.clear()
    with BareGateway(tmp_path, backend_to(backend.url)) as plain, connect(plain.port) as client:
        client.sendall(handshake(plain.port, WITH_KEY))
        assert read_head(client)[0].startswith(b"HTTP/1.1 400 ")
        assert plain.wait_for_records(1)[0]["fault"] == "upgrade_refused"
    assert backend.heads == []


@pytest.mark.parametrize(
    ("answer", "status", "fault"),
    [
        (switching("another key"), 502, "backend_bad_response"),
        (switching(KEY).replace(b"Upgrade: websocket", b"Upgrade: other"), 502, "backend_bad_response"),
        (b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 5\r\n\r\nhello", 502, "backend_bad_response"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, None),
    ],
)
def test_a_backend_that_does_not_agree_makes_no_tunnel(
    tmp_path: Path, answer: bytes, status: int, fault: str | None
) -> None:
    def answers(connection: socket.socket, _: str) -> None:
        connection.sendall(answer)
        connection.recv(1)

    with (
        WebSocketBackend(answers) as other,
        BareGateway(tmp_path, backend_to(other.url), get=ROUTE) as gateway,
        connect(gateway.port) as client,
    ):
        client.sendall(handshake(gateway.port, WITH_KEY) + b"early")
        assert read_head(client)[0].startswith(f"HTTP/1.1 {status} ".encode())
        assert is_closed(client)
        record = gateway.wait_for_records(1)[0]
        assert (record["status_sent"], record["fault"], len(other.heads)) == (status, fault, 1)


def test_a_client_that_reads_nothing_holds_back_the_backend_and_no_memory_grows(tmp_path: Path) -> None:
    sent = 0

    def flood(connection: socket.socket, key: str) -> None:
        nonlocal sent
        connection.sendall(switching(key))
        piece = bytes(65536)
        while sent < FLOOD_BYTES:
            sent += connection.send(piece)

    with (
        WebSocketBackend(flood) as other,
        BareGateway(tmp_path, backend_to(other.url), get=ROUTE) as gateway,
        slow_reader(gateway.port, PATIENCE_SECONDS) as client,
    ):
        client.sendall(handshake(gateway.port, WITH_KEY))
        _, early = read_head(client)
        at_first = gateway.resident_bytes()
        stood = -1

        def stands() -> bool:
            nonlocal stood
            last, stood = stood, sent
            time.sleep(0.3)
            return last == sent

        wait_for(stands, "back-pressure")
        assert sent < STOPPED_BYTES
        assert gateway.resident_bytes() - at_first < MOST_GROWTH_BYTES
        left = FLOOD_BYTES - len(early)
        while left > 0:
            piece = client.recv(1 << 20)
            assert piece
            left -= len(piece)
        assert gateway.resident_bytes() - at_first < MOST_GROWTH_BYTES
        client.close()
        assert gateway.wait_for_records(1)[0]["backend_bytes_in"] == FLOOD_BYTES


@pytest.mark.parametrize("way", ["TLS on both sides", "a Unix socket"])
def test_a_tunnel_leads_through_whatever_its_sides_speak(tmp_path: Path, way: str) -> None:
    authority = Identity.authority()
    pair = authority.server("gate.example", "127.0.0.1").write(tmp_path, "both")
    data = os.urandom(200_000)
    with ExitStack() as stack:
        if way == "a Unix socket":
            inside = stack.enter_context(WebSocketBackend(path=tmp_path / "inside.sock"))
            requires = ("backend.http1.1", "backend.unix.1", "credential.none.1")
            gateway = BareGateway(tmp_path, backend_to(inside.url), get=ROUTE, requires=requires)
            client = connect(stack.enter_context(gateway).port)
        else:
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.load_cert_chain(*pair)
            inside = stack.enter_context(WebSocketBackend(tls=server))
            requires = ("backend.http1.1", "backend.tls.1", "credential.none.1")
            outside: dict[str, Any] = {"PORTAZGO_GATEWAY_TLS_CERTIFICATES": f"{pair[0]}:{pair[1]}"}
            backend = backend_to(inside.url, tls=trusting(authority))
            gateway = stack.enter_context(BareGateway(tmp_path, backend, get=ROUTE, requires=requires, **outside))
            made = ssl.create_default_context(cadata=authority.pem)
            client = made.wrap_socket(connect(gateway.port), server_hostname="gate.example")
        with client:
            client.sendall(handshake(gateway.port, WITH_KEY))
            head, early = read_head(client)
            assert head.startswith(b"HTTP/1.1 101 "), head
            assert read_exactly(client, 5, early) == b"hello"
            for start in range(0, len(data), PIECE_BYTES):
                client.sendall(data[start : start + PIECE_BYTES])
                assert read_exactly(client, len(data[start : start + PIECE_BYTES])) == data[start : start + PIECE_BYTES]
        (record,) = gateway.wait_for_records(1)
        assert (record["status_sent"], record["backend_bytes_in"]) == (101, len(data) + 5)


def test_a_tunnel_counts_among_its_targets_connections_for_as_long_as_it_lasts(
    tmp_path: Path, backend: WebSocketBackend
) -> None:
    capped = backend_to(backend.url, forwarding={"pool": {"connections": 1, "waiting": 1, "wait_ms": 300}})
    requires = ("backend.http1.1", "backend.forwarding.1", "credential.none.1")
    with BareGateway(tmp_path, capped, get=ROUTE, requires=requires) as gateway:

        def opened() -> tuple[socket.socket, bytes]:
            client = connect(gateway.port)
            client.sendall(handshake(gateway.port, WITH_KEY))
            return client, read_head(client)[0]

        first, head = opened()
        with first:
            assert head.startswith(b"HTTP/1.1 101 ")
            second, head = opened()
            with second:
                assert head.startswith(b"HTTP/1.1 503 "), head
        records = gateway.wait_for_records(2)
        faults = sorted((record["status_sent"], record["fault"] or "") for record in records)
        assert faults[1] == (503, "backend_connections_exhausted")
        third, head = opened()
        with third:
            assert head.startswith(b"HTTP/1.1 101 ")


def test_a_silent_tunnel_ends_after_the_routes_idle_time(tmp_path: Path, backend: WebSocketBackend) -> None:
    route = {**ROUTE, "timeouts": {"idle_ms": 1000}}
    with BareGateway(tmp_path, backend_to(backend.url), get=route) as gateway, connect(gateway.port) as client:
        began = time.monotonic()
        client.sendall(handshake(gateway.port, WITH_KEY))
        read_head(client)
        assert is_closed(client)
        assert 0.9 < time.monotonic() - began < 8
        record = gateway.wait_for_records(1)[0]
        assert (record["fault"], record["delivery"]) == (None, "complete")


def test_the_tunnel_of_a_key_that_ends_is_closed_within_a_second(tmp_path: Path, backend: WebSocketBackend) -> None:
    ends = time.time() + 8
    key = {"expires_at_us": int(ends * 1_000_000)}
    with BareGateway(tmp_path, backend_to(backend.url), key=key, get=ROUTE) as gateway, connect(gateway.port) as client:
        client.sendall(handshake(gateway.port, WITH_KEY))
        _, early = read_head(client)
        read_exactly(client, 5, early)
        # On a busy machine an echo takes its time, too.
        while time.time() < ends - 2:
            client.sendall(b"x")
            assert read_exactly(client, 1) == b"x"
            time.sleep(0.1)
        assert is_closed(client)
        # 1 s by itself, five times that on a busy machine.
        assert -0.5 < time.time() - ends < 5
        record = gateway.wait_for_records(1)[0]
        assert (record["fault"], record["delivery"], record["status_sent"]) == ("access_ended", "aborted", 101)


def test_tunnels_have_the_drains_time_and_are_closed_then(tmp_path: Path, backend: WebSocketBackend) -> None:
    with BareGateway(tmp_path, backend_to(backend.url), get=ROUTE) as gateway:
        with connect(gateway.port) as client:
            client.sendall(handshake(gateway.port, WITH_KEY))
            read_exactly(client, 5, read_head(client)[1])
            gateway.__exit__()
            assert is_closed(client)
        (record,) = gateway.records()
        assert (record["fault"], record["delivery"]) == ("gateway_draining", "aborted")
