"""What keys and idle connections take of a node's memory."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

from peers.arena import Arena
from peers.contenders import Contender
from peers.deployment import FEW, MANY

IDLE_CONNECTIONS = 5_000
SETTLE_SECONDS = 2.0
REQUEST = "GET /v1/orders/12345 HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {key}\r\n\r\n"


def bytes_of_a_further_key(arena: Arena, few: Contender, many: Contender) -> float:
    """Compare a node with many keys with one that has few, both just started."""
    resident = []
    for contender in (few, many):
        with arena.started(contender, arena.origin_port) as (started, _):
            time.sleep(SETTLE_SECONDS)
            resident.append(started.resident_bytes())
    return (resident[1] - resident[0]) / (MANY - FEW)


def kilobytes_of_an_idle_connection(arena: Arena, contender: Contender) -> float:
    """Open connections, call once over each, and let them be."""
    with arena.started(contender, arena.origin_port) as (started, place), ExitStack() as open_connections:
        with place.keys.open() as keys:
            request = REQUEST.format(key=keys.readline().strip()).encode()
        _call(open_connections, started.port, request)  # what the first call brings into memory is no connection's
        time.sleep(SETTLE_SECONDS)
        before = started.resident_bytes()
        for _ in range(IDLE_CONNECTIONS):
            _call(open_connections, started.port, request)
        time.sleep(SETTLE_SECONDS)
        return (started.resident_bytes() - before) / IDLE_CONNECTIONS / 1024


def _call(open_connections: ExitStack, port: int, request: bytes) -> None:
    connection = open_connections.enter_context(socket.create_connection(("127.0.0.1", port), 10))
    connection.sendall(request)
    answer = connection.recv(4096)
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"an idle connection was answered {answer[:40]!r}")
