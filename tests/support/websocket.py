"""Both ends of a WebSocket handshake at byte level: a backend that then echoes, and a client that sends what a test wants."""

from __future__ import annotations

import base64
import hashlib
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PATIENCE_SECONDS = 20.0


def accept_of(key: str) -> str:
    """What a server answers to a key (RFC 6455, section 4.2.2)."""
    return base64.b64encode(hashlib.sha1((key + GUID).encode(), usedforsecurity=False).digest()).decode()


def switching(key: str, *further: str) -> bytes:
    """The answer that changes the protocol."""
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    return "\r\n".join([*lines, f"Sec-WebSocket-Accept: {accept_of(key)}", *further, "", ""]).encode()


def handshake(port: int, *lines: str, path: str = "/v1/things/socket") -> bytes:
    """A client's handshake, with these lines beside the usual."""
    usual = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: Upgrade", "Upgrade: websocket"]
    return "\r\n".join([*usual, f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", *lines, "", ""]).encode()


def echo(connection: socket.socket, key: str) -> None:
    """Agree, say something at once, then echo."""
    connection.sendall(switching(key, "Sec-WebSocket-Protocol: chat", "Server: inside") + b"hello")
    while piece := connection.recv(65536):
        connection.sendall(piece)


@dataclass
class WebSocketBackend:
    """Start it with `with`. `answers` gets each connection after its request's head, and the key that it named."""

    answers: Callable[[socket.socket, str], None] = echo
    tls: ssl.SSLContext | None = None
    path: Path | None = None
    """Of a Unix socket, in place of a port."""
    heads: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        if self.path is not None:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(self.path))
            self._listener.listen()
            self.url = f"unix:{self.path}"
        else:
            self._listener = socket.create_server(("127.0.0.1", 0))
            scheme = "http" if self.tls is None else "https"
            self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._connection, args=(connection,), daemon=True).start()

    def _secured(self, connection: socket.socket) -> socket.socket:
        if self.tls is None:
            return connection
        return self.tls.wrap_socket(connection, server_side=True)

    def _connection(self, accepted: socket.socket) -> None:
        with suppress(OSError), self._secured(accepted) as connection:
            head = read_head(connection)[0].decode()
            self.heads.append(head)
            lines = dict(line.lower().split(": ", 1) for line in head.splitlines()[1:] if ": " in line)
            exact = next(
                (line.split(": ")[1] for line in head.splitlines() if line.lower().startswith("sec-websocket-key")), ""
            )
            self.answers(connection, exact if "upgrade" in lines else "")


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """Read to the end of a head. Returns it, and what came behind."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(received)
        received += piece
    head, _, rest = received.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest


def read_exactly(connection: socket.socket, count: int, begun: bytes = b"") -> bytes:
    """Read as many bytes; `begun` has come already."""
    while len(begun) < count:
        piece = connection.recv(65536)
        if not piece:
            raise ConnectionError(begun)
        begun += piece
    return begun


def connect(port: int) -> socket.socket:
    """A client's connection that waits for nothing for ever."""
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
