"""How long the gateway waits for a backend, and how long it keeps connections to it: from when, and on whose word."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest
from support.hostile_backend import GOOD, HostileBackend, bytes_then, slowly
from support.snapshot_node import SnapshotNode

FIRST_BYTE_SECONDS, IDLE_SECONDS = 0.5, 1.5
TIMEOUTS = {"connect_ms": 5000, "first_byte_ms": 500, "idle_ms": 1500, "total_ms": 20_000}
PIECE, PIECES, PAUSE_SECONDS = b"p" * 1000, 6, 0.25
UPLOAD_SECONDS = PIECES * PAUSE_SECONDS
# More than the buffers of two sockets and of the gateway hold.
LARGE = 16 << 20


@pytest.fixture(scope="module")
def backend() -> Iterator[HostileBackend]:
    with HostileBackend() as running:
        running.scripts["silent"] = slowly(b"", pause=10.0)
        for seconds in (1, 5):
            answer = GOOD.replace(b"\r\n\r\n", f"\r\nKeep-Alive: timeout={seconds}, max=100\r\n\r\n".encode())
            running.scripts[f"keeps-{seconds}"] = bytes_then(answer)
        yield running


@pytest.fixture(scope="module")
def deaf() -> Iterator[int]:
    """A port whose connections are taken by the kernel, and nobody reads."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def faults() -> dict[str, str | None]:
    """By request id: what its record must say when the node has ended."""
    return {}


@pytest.fixture(scope="module")
def node(
    tmp_path_factory: pytest.TempPathFactory, backend: HostileBackend, deaf: int, faults: dict[str, str | None]
) -> Iterator[SnapshotNode]:
    further = {"deaf": {"targets": [f"http://127.0.0.1:{deaf}"], "timeouts": TIMEOUTS}}
    with SnapshotNode(
        tmp_path_factory.mktemp("patience"),
        f"127.0.0.1:{backend.port}",
        timeouts=TIMEOUTS,
        most_request_bytes=2 * LARGE,
        further=further,
    ) as running:
        yield running
        running.stop()
        said = {record["request_id"]: record["fault"] for record in running.records()}
        assert {request_id: said.get(request_id, "no record") for request_id in faults} == faults


@contextlib.contextmanager
def begun(node: SnapshotNode, path: str, length: int) -> Iterator[HTTPConnection]:
    """A PUT whose body is still to come."""
    with contextlib.closing(HTTPConnection("127.0.0.1", node.port, timeout=30)) as connection:
        connection.putrequest("PUT", path)
        connection.putheader("X-Api-Key", node.key)
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        yield connection


@contextlib.contextmanager
def uploaded_slowly(node: SnapshotNode, name: str) -> Iterator[tuple[HTTPConnection, float]]:
    """A PUT whose body came piece by piece. Gives also the moment just before the last piece went out.

    The moment after it would be too late: the gateway may run, and count, before whoever sent does.
    """
    with begun(node, f"/v1/items/{name}", len(PIECE) * PIECES) as connection:
        last = 0.0
        for _ in range(PIECES):
            time.sleep(PAUSE_SECONDS)
            last = time.monotonic()
            connection.send(PIECE)
        yield connection, last


def test_a_slow_upload_costs_the_backend_none_of_its_time(
    node: SnapshotNode, backend: HostileBackend, faults: dict[str, str | None]
) -> None:
    assert UPLOAD_SECONDS > 2 * FIRST_BYTE_SECONDS
    with uploaded_slowly(node, "good") as (connection, _):
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b"good")
    assert backend.bodies[-1] == PIECE * PIECES
    faults[answer.headers["X-Request-Id"]] = None


def test_the_backends_time_begins_when_it_has_the_whole_request(
    node: SnapshotNode, faults: dict[str, str | None]
) -> None:
    with uploaded_slowly(node, "silent") as (connection, whole):
        answer = connection.getresponse()
        assert answer.status == 504
    assert time.monotonic() - whole > FIRST_BYTE_SECONDS - 0.05
    faults[answer.headers["X-Request-Id"]] = "backend_first_byte_timeout"


def test_a_client_that_stops_uploading_is_told_so(node: SnapshotNode, faults: dict[str, str | None]) -> None:
    with begun(node, "/v1/items/good", 2 * len(PIECE)) as connection:
        stopped = time.monotonic()
        connection.send(PIECE)
        answer = connection.getresponse()
        assert answer.status == 408
    assert time.monotonic() - stopped > IDLE_SECONDS - 0.05
    faults[answer.headers["X-Request-Id"]] = "body_timeout"


def test_a_backend_that_takes_no_more_of_an_upload_is_given_up(
    node: SnapshotNode, faults: dict[str, str | None]
) -> None:
    with begun(node, "/v1/deaf/good", LARGE) as connection:

        def send() -> None:
            with contextlib.suppress(OSError):
                connection.send(b"l" * LARGE)

        sending = threading.Thread(target=send)
        sending.start()
        answer = connection.getresponse()
        assert answer.status == 504
        faults[answer.headers["X-Request-Id"]] = "backend_send_timeout"
        connection.sock.shutdown(socket.SHUT_RDWR)
        sending.join(10)


def test_connections_are_kept_for_as_long_as_the_backend_says(node: SnapshotNode, backend: HostileBackend) -> None:
    # Over one connection of the client: each data thread has connections of its own.
    with contextlib.closing(HTTPConnection("127.0.0.1", node.port, timeout=30)) as connection:

        def call(seconds: int) -> None:
            connection.request("GET", f"/v1/items/keeps-{seconds}", headers={"X-Api-Key": node.key})
            answer = connection.getresponse()
            assert (answer.status, answer.read()) == (200, b"good")

        for seconds, pause in ((1, 1.0), (5, 2.5)):
            call(seconds)
            time.sleep(pause)
            call(seconds)
    assert [len(backend.connections_of(f"keeps-{seconds}")) for seconds in (1, 5)] == [2, 1]
