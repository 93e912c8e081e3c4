"""A client of HTTP/2 that may send anything: frames by hand, header blocks by hpack, nothing checked on the way out."""

from __future__ import annotations

import socket
import struct
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from hpack import Decoder, Encoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM = ACK = 1
END_HEADERS = 4
INITIAL_WINDOW_SIZE = 4
# Of a connection and of each stream, unless more is allowed (RFC 9113, section 6.9.2).
USUAL_WINDOW = 65_535
Fields = Sequence[tuple[str, str]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Write a frame."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


@dataclass
class Stream:
    """What came back on a stream. `ended`: whole; `reset`: the error code that ended it early."""

    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> int:
        """The answer's status; 0: there is none."""
        return int(dict(self.fields).get(":status", "0"))


class Connection:
    """A connection whose far side is the gateway."""

    def __init__(self, connected: socket.socket, *, settings: dict[int, int] | None = None) -> None:
        # As real clients do: a frame would wait for the acknowledgement of the one before it.
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connected
        self.streams: defaultdict[int, Stream] = defaultdict(Stream)
        self.closed = False
        self.goaway: int | None = None
        self.pongs = 0
        self.opens_windows = True
        # What the far side takes: 0 is the connection's, others are streams'.
        self._windows: defaultdict[int, int] = defaultdict(lambda: USUAL_WINDOW)
        self._received = b""
        self._encoder, self._decoder = Encoder(), Decoder()
        self._next = 1
        values = b"".join(struct.pack(">HI", number, value) for number, value in (settings or {}).items())
        self.send(PREFACE + frame(SETTINGS, 0, 0, values))

    @classmethod
    def plain(cls, port: int, *, seconds: float = 10.0, settings: dict[int, int] | None = None) -> Self:
        """Connect without TLS."""
        return cls(socket.create_connection(("127.0.0.1", port), timeout=seconds), settings=settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send bytes. A far side that has closed shows in `closed`."""
        try:
            self.socket.sendall(data)
        except (ConnectionError, TimeoutError):
            self.closed = True

    def new_stream(self) -> int:
        """Give the next stream's number."""
        self._next += 2
        return self._next - 2

    def block(self, fields: Fields) -> bytes:
        """Compress fields as they are."""
        return bytes(
            self._encoder.encode([(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields])
        )

    def headers(self, stream: int, fields: Fields, *, end: bool) -> bytes:
        """Write a head as one frame."""
        return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, self.block(fields))

    def request(self, fields: Fields, data: bytes | None = None) -> int:
        """Send a request. Returns its stream."""
        stream = self.new_stream()
        written = self.headers(stream, fields, end=data is None)
        self.send(written if data is None else written + frame(DATA, END_STREAM, stream, data))
        return stream

    def upload(self, stream: int, pieces: Iterable[bytes]) -> None:
        """Send a body and its end, each piece as soon as the windows have room for it."""
        for piece in pieces:
            while not self.closed and min(self._windows[0], self._windows[stream]) < len(piece):
                self.read()
            for window in (0, stream):
                self._windows[window] -= len(piece)
            self.send(frame(DATA, 0, stream, piece))
        self.send(frame(DATA, END_STREAM, stream))

    def finish(self, stream: int) -> Stream:
        """Read until the stream has ended, one way or another, or the connection has."""
        while not (self.closed or self.streams[stream].ended or self.streams[stream].reset is not None):
            self.read()
        return self.streams[stream]

    def read(self) -> None:
        """Read once, and take note of every whole frame."""
        try:
            piece = self.socket.recv(262_144)
        except TimeoutError:
            raise
        except OSError:
            piece = b""
        if not piece:
            self.closed = True
            return
        self._received += piece
        while len(self._received) >= 9:
            length = int.from_bytes(self._received[:3])
            if len(self._received) < 9 + length:
                return
            head, payload = self._received[:9], self._received[9 : 9 + length]
            self._received = self._received[9 + length :]
            self._take(head[3], head[4], int.from_bytes(head[5:9]) & 0x7FFFFFFF, payload)

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            self.send(frame(SETTINGS, ACK, 0))
        elif kind == PING:
            if flags & ACK:
                self.pongs += 1
            else:
                self.send(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self._windows[stream] += int.from_bytes(payload)
        elif kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8])
        elif kind == RST_STREAM:
            self.streams[stream].reset = int.from_bytes(payload)
        elif kind in (HEADERS, DATA):
            self._take_answer(kind, stream, payload, end=bool(flags & END_STREAM))

    def _take_answer(self, kind: int, stream: int, payload: bytes, *, end: bool) -> None:
        if kind == HEADERS:
            decoded = self._decoder.decode(payload, raw=True)
            self.streams[stream].fields += [(name.decode(), value.decode("latin-1")) for name, value in decoded]
        else:
            self.streams[stream].body += payload
            if payload and self.opens_windows:
                grown = struct.pack(">I", len(payload))
                self.send(frame(WINDOW_UPDATE, 0, 0, grown) + frame(WINDOW_UPDATE, 0, stream, grown))
        self.streams[stream].ended |= end
