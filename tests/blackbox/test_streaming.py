"""Events come through at once and for as long as they come; ranges, interim answers and `Expect` mean what HTTP says."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Iterator

import pytest
from support.bare_gateway import API_KEY, BareGateway, backend_to
from support.hostile_backend import HostileBackend, bytes_then, slowly
from support.http2 import Connection
from support.websocket import connect, read_exactly, read_head

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENT = b"7\r\ndata: 1\r\n"
PAUSE_SECONDS = 0.4
# 50 ms as stated, five times that on a busy machine.
MOST_LATE_SECONDS = 0.25
PARTIAL = b'HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/9\r\nETag: "1"\r\nContent-Length: 2\r\n\r\nbc'
TRAILERS = b"HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\nX-Sum: 1\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"


@pytest.fixture(scope="module")
def backend() -> Iterator[HostileBackend]:
    with HostileBackend() as running:
        events = [EVENTS, *[EVENT] * 6, b"0\r\n\r\n"]
        running.scripts["events"] = slowly(*events, pause=PAUSE_SECONDS)
        running.scripts["partial"] = bytes_then(PARTIAL)
        running.scripts["hints"] = bytes_then(HINTS + PARTIAL)
        running.scripts["nothing"] = bytes_then(b"HTTP/1.1 204 No Content\r\nX-Inside: 1\r\n\r\n")
        running.scripts["trailers"] = bytes_then(TRAILERS)
        running.scripts["unchanged"] = bytes_then(b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n')
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, backend: HostileBackend) -> Iterator[BareGateway]:
    target = backend_to(f"http://127.0.0.1:{backend.port}")
    target["timeouts"] = {**target["timeouts"], "total_ms": 1000}
    route = {"timeouts": {"total_ms": None}}
    with BareGateway(tmp_path_factory.mktemp("gateway"), target, get=route) as running:
        yield running


def request(name: str, *lines: str, method: str = "GET", key: str = API_KEY) -> bytes:
    usual = [f"{method} /v1/things/{name} HTTP/1.1", "Host: a", f"X-Api-Key: {key}"]
    return "\r\n".join([*usual, *lines, "", ""]).encode()


def test_events_come_as_they_are_sent_and_outlast_the_backends_total_time(gateway: BareGateway) -> None:
    with connect(gateway.port) as client:
        client.sendall(request("events"))
        head, rest = read_head(client)
        assert head.startswith(b"HTTP/1.1 200 ")
        came = []
        for _ in range(6):
            rest = read_exactly(client, len(EVENT), rest)
            assert rest.startswith(EVENT)
            came.append(time.monotonic())
            rest = rest[len(EVENT) :]
        gaps = [later - earlier for earlier, later in itertools.pairwise(came)]
        assert all(abs(gap - PAUSE_SECONDS) < MOST_LATE_SECONDS for gap in gaps), gaps
        assert came[-1] - came[0] > 1
        assert read_exactly(client, 5, rest) == b"0\r\n\r\n"


def test_a_range_passes_with_its_condition_and_its_answer(gateway: BareGateway) -> None:
    with connect(gateway.port) as client:
        client.sendall(request("partial", "Range: bytes=1-2", 'If-Range: "1"'))
        head, body = read_head(client)
        assert head.startswith(b"HTTP/1.1 206 ")
        assert b"content-range: bytes 1-2/9" in head
        assert read_exactly(client, 2, body) == b"bc"
        client.sendall(request("unchanged", 'If-None-Match: "1"'))
        head, _ = read_head(client)
        assert head.startswith(b"HTTP/1.1 304 ")
        assert b'etag: "1"' in head


def test_an_answer_without_content_leaves_the_connection_good(gateway: BareGateway) -> None:
    with connect(gateway.port) as client:
        client.sendall(request("nothing"))
        head, rest = read_head(client)
        assert (head.startswith(b"HTTP/1.1 204 "), rest) == (True, b"")
        assert not {b"content-length", b"transfer-encoding", b"x-inside"} & names_in(head)
        named = [head.lower().split(b"x-request-id: ")[1].split(b"\r\n")[0].decode()]
        client.sendall(request("partial"))
        head, body = read_head(client)
        assert head.startswith(b"HTTP/1.1 206 ")
        assert read_exactly(client, 2, body) == b"bc"
    with Connection.plain(gateway.port) as stream_client:
        answer = stream_client.finish(stream_client.request(fields("nothing")))
        assert (answer.status, answer.body, answer.ended) == (204, b"", True)
        named.append(dict(answer.fields)["x-request-id"])
    records = [gateway.record_of(one) for one in named]
    assert [(record["status_sent"], record["delivery"]) for record in records] == [(204, "complete")] * 2


def test_trailers_of_a_backend_end_at_the_gateway(gateway: BareGateway) -> None:
    with connect(gateway.port) as client:
        client.sendall(request("trailers"))
        head, rest = read_head(client)
        assert head.startswith(b"HTTP/1.1 200 ")
        assert b"trailer" not in names_in(head)
        whole = b"4\r\ngood\r\n0\r\n\r\n"
        assert read_exactly(client, len(whole), rest) == whole
        client.sendall(request("partial"))
        assert read_head(client)[0].startswith(b"HTTP/1.1 206 ")
    with Connection.plain(gateway.port) as stream_client:
        answer = stream_client.finish(stream_client.request(fields("trailers")))
        assert (answer.status, answer.body, answer.ended) == (200, b"good", True)
        assert not {"trailer", "x-sum"} & {name for name, _ in answer.fields}


def names_in(head: bytes) -> set[bytes]:
    """The names of a head's fields."""
    return {line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:] if line}


def fields(name: str, method: str = "GET") -> list[tuple[str, str]]:
    """The same request over HTTP/2."""
    pseudo = [(":method", method), (":scheme", "http"), (":authority", "a"), (":path", f"/v1/things/{name}")]
    return [*pseudo, ("x-api-key", API_KEY)]


def test_interim_answers_end_at_the_gateway(gateway: BareGateway) -> None:
    with connect(gateway.port) as client:
        client.sendall(request("hints"))
        head, body = read_head(client)
        assert head.startswith(b"HTTP/1.1 206 ")
        assert b"link" not in head.lower()
        assert read_exactly(client, 2, body) == b"bc"


def test_a_body_is_asked_for_only_where_it_is_wanted(gateway: BareGateway, backend: HostileBackend) -> None:
    lines = ("Content-Length: 4", "Expect: 100-continue")
    with connect(gateway.port) as client:
        client.sendall(request("good", *lines, method="POST"))
        head, rest = read_head(client)
        assert (head, rest) == (b"HTTP/1.1 100 Continue\r\n\r\n", b"")
        client.sendall(b"body")
        assert read_head(client)[0].startswith(b"HTTP/1.1 200 ")
        assert backend.bodies[-1] == b"body"


@pytest.mark.parametrize(
    ("lines", "key", "status"),
    [(("Content-Length: 4",), "wrong", 401), (("Content-Length: 1000001",), API_KEY, 413)],
)
def test_a_refusal_comes_in_place_of_the_interim_answer_and_the_connection_ends(
    gateway: BareGateway, lines: tuple[str, ...], key: str, status: int
) -> None:
    with connect(gateway.port) as client:
        client.sendall(request("good", *lines, "Expect: 100-continue", method="POST", key=key))
        head, rest = read_head(client)
        assert head.startswith(f"HTTP/1.1 {status} ".encode())
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        read_exactly(client, length, rest)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
