"""A backend may answer before it has a whole request: what goes on passing of the request is recorded all the same."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from pathlib import Path
from typing import Self

import pytest
from support.bare_gateway import API_KEY, BareGateway, backend_to, wait_for
from support.hostile_http2 import Asked, HostileHttp2
from support.http2 import DATA, Connection, frame

UPLOAD_BYTES = 800_000
BEGINNING = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
END = b"0\r\n\r\n"
UPLOAD_HEAD = (
    f"POST /v1/things/1 HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {API_KEY}\r\nContent-Length: {UPLOAD_BYTES}\r\n\r\n"
).encode()
SENT_BYTES = 10
LONGER_THAN_CONNECTIONS_TAKE_TO_REST = 0.8
NO_ERROR = 0  # RFC 9113, section 8.1


def answer_at_once(listener: socket.socket, received: list[int]) -> None:
    """Begin to answer when the head is here, take the whole body, end the answer."""
    connection, _ = listener.accept()
    with connection:
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1 << 16)
        connection.sendall(BEGINNING)
        count = len(head.partition(b"\r\n\r\n")[2])
        while count < UPLOAD_BYTES and (piece := connection.recv(1 << 16)):
            count += len(piece)
        received.append(count)
        connection.sendall(END)


def test_what_is_uploaded_while_the_answer_is_under_way_is_recorded(tmp_path: Path) -> None:
    received: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        backend = threading.Thread(target=answer_at_once, args=(listener, received), daemon=True)
        backend.start()
        with BareGateway(tmp_path, backend_to(f"http://127.0.0.1:{listener.getsockname()[1]}")) as gateway:
            head = (
                f"POST /v1/things/1 HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {API_KEY}\r\n"
                f"Content-Length: {UPLOAD_BYTES}\r\nConnection: close\r\n\r\n"
            ).encode()
            with socket.create_connection(("127.0.0.1", gateway.port), 20) as client:
                client.sendall(head + b"x" * 1000)
                answer = b""
                while not answer.endswith(b"hi\r\n"):
                    answer += client.recv(1 << 16)
                client.sendall(b"x" * (UPLOAD_BYTES - 1000))
                while piece := client.recv(1 << 16):
                    answer += piece
            record = gateway.wait_for_records(1)[0]
        backend.join(10)
    assert (received, answer.endswith(END)) == ([UPLOAD_BYTES], True)
    assert (record["bytes_in"], record["backend_bytes_out"]) == (len(head) + UPLOAD_BYTES, UPLOAD_BYTES)


class Refuser:
    """A backend that answers as soon as it has a head, and then takes whatever comes."""

    def __init__(self) -> None:
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        self.connections += 1
        with contextlib.suppress(OSError), connection:
            while b"\r\n\r\n" not in connection.recv(1 << 16):
                pass
            connection.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno")
            while connection.recv(1 << 16):
                pass
        self.connections -= 1


def refused_upload(clients: contextlib.ExitStack, gateway: BareGateway) -> socket.socket:
    """A client that has its answer, and has sent the beginning of its upload."""
    client = clients.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 20))
    begin_upload(client)
    return client


def begin_upload(client: socket.socket) -> None:
    """Send the beginning of an upload, and read its whole answer."""
    client.sendall(UPLOAD_HEAD + b"x" * SENT_BYTES)
    answer = b""
    while not answer.endswith(b"\r\n\r\nno"):
        piece = client.recv(1 << 16)
        assert piece, answer
        answer += piece
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_an_upload_whose_answer_is_whole_holds_no_connection_of_the_backends(tmp_path: Path) -> None:
    """Its call is recorded and over, and counts under no cap: slow senders could hold as many as they like."""
    forwarding = {"pool": {"connections": 2, "waiting": 0, "wait_ms": 300}}
    requires = ("backend.http1.1", "backend.forwarding.1", "credential.none.1")
    with (
        Refuser() as backend,
        BareGateway(tmp_path, backend_to(backend.url, forwarding=forwarding), requires=requires) as gateway,
        contextlib.ExitStack() as clients,
    ):
        for _ in range(8):
            refused_upload(clients, gateway)
            # Sooner than a client that sends nothing would be given up: one that sends a little would not be.
            wait_for(lambda: backend.connections <= 2, "the end of an upload that nobody waits for", 2.0)
        expected = len(UPLOAD_HEAD) + SENT_BYTES
        assert {record["bytes_in"] for record in gateway.wait_for_records(8)} == {expected}


def test_a_client_may_send_a_refused_upload_to_its_end_and_ask_again(tmp_path: Path) -> None:
    """Else it could lose the answer that says why, with its connection."""
    with (
        Refuser() as backend,
        BareGateway(tmp_path, backend_to(backend.url)) as gateway,
        contextlib.ExitStack() as clients,
    ):
        client = refused_upload(clients, gateway)
        wait_for(lambda: backend.connections == 0, "the end of an upload that nobody waits for", 2.0)
        time.sleep(LONGER_THAN_CONNECTIONS_TAKE_TO_REST)
        client.sendall(b"x" * (UPLOAD_BYTES - SENT_BYTES))
        begin_upload(client)
        wait_for(lambda: backend.connections == 0, "the end of its second upload", 2.0)
        assert [record["status_sent"] for record in gateway.wait_for_records(2)] == [413, 413]


@pytest.mark.parametrize("resets", [False, True], ids=["answers", "answers and resets"])
def test_so_it_may_where_the_backend_speaks_http_2(tmp_path: Path, resets: bool) -> None:
    async def refuse(asked: Asked) -> None:
        asked.head(413, ("content-length", "2"))
        asked.data(b"no", end=True)
        if resets:
            asked.reset(NO_ERROR)

    forwarding = {"http2": "prior_knowledge"}
    requires = ("backend.http1.1", "backend.forwarding.1", "credential.none.1")
    with (
        HostileHttp2(scripts={"1": refuse}, early={"1"}) as backend,
        BareGateway(
            tmp_path, backend_to(f"http://127.0.0.1:{backend.port}", forwarding=forwarding), requires=requires
        ) as gateway,
        contextlib.ExitStack() as clients,
    ):
        client = refused_upload(clients, gateway)
        client.sendall(b"x" * (UPLOAD_BYTES - SENT_BYTES))
        begin_upload(client)
        assert [record["status_sent"] for record in gateway.wait_for_records(2)] == [413, 413]
        assert backend.trouble == []
        assert all(len(asked.body) < UPLOAD_BYTES for asked in backend.asked)


def test_a_client_of_http_2_is_told_that_nobody_wants_the_rest(tmp_path: Path) -> None:
    fields = [
        (":method", "POST"), (":scheme", "http"), (":authority", "gate.example"), (":path", "/v1/things/1"),
        ("x-api-key", API_KEY), ("content-length", str(UPLOAD_BYTES)),
    ]  # fmt: skip
    with (
        Refuser() as backend,
        BareGateway(tmp_path, backend_to(backend.url)) as gateway,
        Connection.plain(gateway.port) as connection,
    ):
        stream = connection.new_stream()
        connection.send(connection.headers(stream, fields, end=False) + frame(DATA, 0, stream, b"x" * SENT_BYTES))
        answer = connection.finish(stream)
        assert (answer.status, answer.body, answer.ended) == (413, b"no", True)
        while answer.reset is None:
            connection.read()
        assert (answer.reset, connection.closed) == (NO_ERROR, False)
        wait_for(lambda: backend.connections == 0, "the end of an upload that nobody waits for", 2.0)
