"""An answer under a contract streams: early, in little memory, at the partner's pace, and is reset where it breaks."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from support import served_contracts as contracts
from support.bare_gateway import API_KEY, BareGateway, wait_for
from support.hostile_backend import HostileBackend, Script, bytes_then
from support.http2 import Connection
from support.kernel import slow_reader, unread_bytes
from support.served_contracts import CREATE, NEEDLE, OPEN, SHOW, ask

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
ITEM = b'{"id":%d,"ssn":"' + NEEDLE.encode() + b'","name":"' + b"n" * 200 + b'"}'
LARGE = b'{"id":1,"items":[' + b",".join(ITEM % number for number in range(33_000)) + b"]}"
SMALL = b'{"id":1,"name":"small"}'
# Each of these little objects gets a constant that is three thousand times as large.
ITEMS = 200_000
EMPTY = b"[" + b",".join([b"{}"] * ITEMS) + b"]"
LARGE_CONSTANT = "c" * 8192
STALLED = 4
PILE_BYTES = 5 << 20
GET = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "gate.example"),
    (":path", "/v1/items/broken"),
    ("x-api-key", API_KEY),
]


# More than the kernel and a pile in the node hold together, so that a node that does not stop the backend is seen.
STOPPED_BYTES = unread_bytes() + PILE_BYTES
HUGE = b'{"id":1,"items":[' + b",".join([LARGE[17:-2]] * (2 + STOPPED_BYTES // len(LARGE))) + b"]}"


def with_constants() -> dict[str, Any]:
    """ROUTE of a list whose items get a large constant."""
    constant = {"object": {"members": [], "consts": [["note", LARGE_CONSTANT]]}}
    return contracts.shown("", hold=65_536, program={"nodes": [{"array": 1}, constant], "depth": 4})


@dataclass
class Scene:
    """A node before a backend whose large answer waits, before its last bytes, for the test."""

    node: BareGateway
    backend: HostileBackend
    may_end: threading.Event
    sent: list[int]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all."""
    may_end, sent = threading.Event(), [0]

    def steadily(answer: bytes) -> Script:
        async def script(writer: asyncio.StreamWriter) -> bool:
            writer.write(HEAD % len(answer))
            for place in range(0, len(answer), 1 << 16):
                if place + (1 << 16) >= len(answer):
                    await asyncio.to_thread(may_end.wait, 30)
                writer.write(answer[place : place + (1 << 16)])
                await writer.drain()
                sent[0] += 1 << 16
            return True

        return script

    async def broken(writer: asyncio.StreamWriter) -> bool:
        # 1 MB that fits, and then a field of another type.
        whole = LARGE[: 1 << 20].rsplit(b",{", 1)[0] + b',{"id":"' + NEEDLE.encode() + b'"}]}'
        writer.write(HEAD % len(whole) + whole)
        await writer.drain()
        return True

    with HostileBackend() as backend:
        backend.scripts |= {
            "large": steadily(LARGE),
            "huge": steadily(HUGE),
            "broken": broken,
            "small": bytes_then(HEAD % len(SMALL) + SMALL),
            "empty": bytes_then(HEAD % len(EMPTY) + EMPTY),
        }
        inside = f"http://127.0.0.1:{backend.port}"
        resources = [
            contracts.version({SHOW: contracts.shown(inside, hold=65_536), CREATE: with_constants()}),
            contracts.route(CREATE, "GET", "/v1/notes/{id}", "/api/items/{id}", max_response_bytes=None),
            contracts.route(SHOW, "GET", "/v1/items/{id}", "/api/items/{id}", max_response_bytes=None),
            contracts.route(
                OPEN,
                "GET",
                "/v1/open/{id}",
                "/api/items/{id}",
                max_response_bytes=None,
                passthrough=True,
                contract=None,
            ),
        ]
        with contracts.node(tmp_path_factory.mktemp("streaming"), backend.port, resources) as node:
            yield Scene(node, backend, may_end, sent)


def begin(port: int, path: str = "/v1/items/large") -> socket.socket:
    """Ask for an answer, and read nothing."""
    connection = slow_reader(port, 30)
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {API_KEY}\r\nConnection: close\r\n\r\n".encode()
    )
    return connection


def rest(connection: socket.socket) -> bytes:
    """Read to the end."""
    received = b""
    while piece := connection.recv(1 << 20):
        received += piece
    return received


def received(connection: socket.socket, size: int) -> bytes:
    """Read so many bytes."""
    got = b""
    while len(got) < size:
        piece = connection.recv(size - len(got))
        assert piece, "it ended"
        got += piece
    return got


def test_the_first_byte_is_out_before_the_last_byte_is_in(scene: Scene) -> None:
    scene.may_end.clear()
    with begin(scene.node.port) as connection:
        first = connection.recv(1 << 16)
        assert first.startswith(b"HTTP/1.1 200 OK\r\n")
        assert not scene.may_end.is_set()
        scene.may_end.set()
        got = contracts.read(first + rest(connection), "GET")
    assert got.whole
    wanted = json.loads(LARGE)
    shown = [{"id": item["id"], "title": item["name"]} for item in wanted["items"]]
    assert got.document == {"id": 1, "items": shown}


def stalled(scene: Scene, path: str) -> int:
    """Ask for answers that nobody reads until nothing moves any more. Returns the memory that the node has then."""
    scene.sent[0] = 0
    waiting = [begin(scene.node.port, path) for _ in range(STALLED)]
    try:
        moved = [-1]

        def stands() -> bool:
            last, moved[0] = moved[0], scene.sent[0]
            time.sleep(0.3)
            return scene.sent[0] == moved[0] == last > 0

        wait_for(stands, "the backend to be stopped", 30)
        # What is not in the kernel's buffers stays with the backend.
        assert scene.sent[0] < STALLED * STOPPED_BYTES < STALLED * len(HUGE)
        return scene.node.resident_bytes()
    finally:
        for connection in waiting:
            connection.close()


def test_a_partner_that_does_not_read_stops_the_backend_and_costs_little_memory(scene: Scene) -> None:
    """Far more than the kernel holds for it.

    That nothing piles up is what is looked for: resident memory has what the allocator keeps of earlier calls in it too. What
    a call costs above one that passes through is bench/contracts.py's to say.
    """
    scene.may_end.set()
    assert ask(scene.node.port, "/v1/items/large").whole
    through = stalled(scene, "/v1/open/huge")
    assert stalled(scene, "/v1/items/huge") - through <= STALLED * PILE_BYTES


def test_constants_in_the_items_of_a_list_are_written_at_the_partners_pace(scene: Scene) -> None:
    """A few bytes of the backend's make a gigabyte: no more of it is there at once than a piece for each who waits."""
    first = ask(scene.node.port, "/v1/items/small")
    assert first.whole
    before = scene.node.resident_bytes()
    waiting = [begin(scene.node.port, "/v1/notes/empty") for _ in range(STALLED)]
    try:
        for connection in waiting:
            got = received(connection, 1 << 16)
            assert got.startswith(b"HTTP/1.1 200 OK\r\n")
            assert got.count(LARGE_CONSTANT.encode()) >= 7
        # A hundredth of it is read.
        for _ in range(10):
            for connection in waiting:
                assert received(connection, 1 << 20).count(LARGE_CONSTANT.encode()) > 100
            assert scene.node.resident_bytes() - before <= STALLED * PILE_BYTES
    finally:
        for connection in waiting:
            connection.close()


def test_over_http_2_a_broken_answer_is_reset_and_the_connection_goes_on(scene: Scene) -> None:
    with Connection.plain(scene.node.port) as connection:
        broken = connection.finish(connection.request(GET))
        assert (broken.status, broken.ended) == (200, False)
        assert broken.reset is not None
        assert NEEDLE.encode() not in broken.body
        assert len(broken.body) >= 65_536
        fields = [(name, value.replace("broken", "small")) for name, value in GET]
        small = connection.finish(connection.request(fields))
    assert (small.status, small.ended, small.body) == (200, True, b'{"id":1,"title":"small"}')
    request_id = dict(broken.fields)["x-request-id"]
    record = scene.node.record_of(request_id)
    told = (record["status_sent"], record["fault"], record["delivery"], record["billable"])
    assert told == (200, "contract_violation_response", "aborted", False)


def test_a_partner_that_leaves_ends_the_backends_answer(scene: Scene) -> None:
    scene.may_end.clear()

    def left() -> int:
        return sum(one["fault"] == "client_aborted" for one in scene.node.records())

    before = left()
    begin(scene.node.port).close()
    wait_for(lambda: left() == before + 1, "the record")
    scene.may_end.set()
