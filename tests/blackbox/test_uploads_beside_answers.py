"""A backend may answer before it has a whole request: what goes on passing of the request is recorded all the same."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from support.bare_gateway import API_KEY, BareGateway, backend_to

UPLOAD_BYTES = 800_000
BEGINNING = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"
END = b"0\r\n\r\n"


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
        backend = threading.Thread(target=answer_at_once, args=(listener, received))
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
