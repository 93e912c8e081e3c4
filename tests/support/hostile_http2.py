"""A backend of HTTP/2 that answers as a test says, frame by frame, and remembers which line carried which request."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from hpack import Decoder, Encoder
from support.http2 import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    frame,
)
from support.loop_server import LoopServer

ENABLE_PUSH = 2
MAX_CONCURRENT_STREAMS = 3
PUSH_PROMISE = 5
PUSHED = 2
"""The stream that a server's first promise opens."""
FRAME_BYTES = 16_384
USUAL_WINDOW = 65_535
Fields = Sequence[tuple[str, str]]


@dataclass(eq=False)
class Line:
    """A connection from the gateway."""

    number: int
    writer: asyncio.StreamWriter
    encoder: Encoder = field(default_factory=Encoder)
    windows: defaultdict[int, int] = field(default_factory=lambda: defaultdict(lambda: USUAL_WINDOW, {0: USUAL_WINDOW}))
    """How much may be sent, by stream; 0: all together, which does not follow the setting."""
    opened: asyncio.Condition = field(default_factory=asyncio.Condition)
    resets: dict[int, int] = field(default_factory=dict)
    """Streams that the gateway reset, and why."""
    streams: int = 0
    most_streams: int = 0
    goaway: int | None = None
    """The reason by which the gateway left."""
    settings: dict[int, int] = field(default_factory=dict)
    """What the gateway said of itself."""

    def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        if not self.writer.is_closing():
            self.writer.write(data)

    def block(self, fields: Fields) -> bytes:
        """Compress fields as they are."""
        return bytes(self.encoder.encode([(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]))

    def leave(self, last: int, reason: int = 0) -> None:
        """Take no streams beyond `last`."""
        self.send(frame(GOAWAY, 0, 0, struct.pack(">II", last, reason)))


@dataclass
class Asked:
    """A request whose body has come."""

    line: Line
    stream: int
    name: str
    fields: list[tuple[str, str]]
    body: bytes

    def head(self, status: int | str = 200, *fields: tuple[str, str], end: bool = False) -> None:
        """Send a head."""
        block = self.line.block([(":status", str(status)), *fields])
        self.line.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), self.stream, block))

    def data(self, data: bytes, *, end: bool = False) -> None:
        """Send data, whatever the windows say."""
        self.line.send(frame(DATA, END_STREAM if end else 0, self.stream, data))

    async def pour(self, data: bytes) -> None:
        """Send data as the windows allow. Raises ConnectionError when the stream has ended."""
        left = memoryview(data)
        while left:
            async with self.line.opened:
                await self.line.opened.wait_for(lambda: self.room > 0 or self.is_over)
            if self.is_over:
                raise ConnectionError
            piece, left = bytes(left[: self.room]), left[self.room :]
            self.line.windows[0] -= len(piece)
            self.line.windows[self.stream] -= len(piece)
            self.data(piece)
            await self.line.writer.drain()

    @property
    def is_over(self) -> bool:
        """Whether nobody wants an answer any more."""
        return self.stream in self.line.resets or self.line.writer.is_closing()

    @property
    def room(self) -> int:
        """How much may be sent now."""
        return min(FRAME_BYTES, self.line.windows[0], self.line.windows[self.stream])

    def push(self, name: str, data: bytes) -> None:
        """Promise a request for another script, which nobody made, and answer it."""
        request = [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "127.0.0.1"),
            (":path", f"/api/items/{name}"),
        ]
        promise = struct.pack(">I", PUSHED) + self.line.block(request)
        self.line.send(frame(PUSH_PROMISE, END_HEADERS, self.stream, promise))
        self.line.send(frame(HEADERS, END_HEADERS, PUSHED, self.line.block([(":status", "200")])))
        self.line.send(frame(DATA, END_STREAM, PUSHED, data))

    def reset(self, reason: int) -> None:
        """End the stream early."""
        self.line.send(frame(RST_STREAM, 0, self.stream, struct.pack(">I", reason)))

    def field(self, name: str) -> str | None:
        """The one value of a field."""
        values = [value for known, value in self.fields if known == name]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None


Script = Callable[[Asked], Awaitable[None]]


async def good(asked: Asked) -> None:
    """Answer well."""
    asked.head(200, ("content-length", "4"), ("content-type", "text/plain"))
    asked.data(b"good", end=True)


@dataclass
class HostileHttp2(LoopServer):
    """Start it with `with`. A request for `/api/items/NAME` is answered by the script NAME; `good` is always there."""

    scripts: dict[str, Script] = field(default_factory=lambda: {"good": good})
    settings: Mapping[int, int] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    greet: Callable[[Line], None] | None = None
    """Instead of the settings, which are sent at once."""
    early: set[str] = field(default_factory=set)
    """Scripts that begin with the head of the request."""
    opens_windows: bool = True
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    trouble: list[BaseException] = field(default_factory=list)
    _serving: list[asyncio.Future[None]] = field(default_factory=list)

    def lines_of(self, name: str) -> set[int]:
        """Which lines carried a request for this script."""
        return {asked.line.number for asked in self.asked if asked.name == name}

    async def _end(self) -> None:
        for line in self.lines:
            line.writer.transport.abort()
        await asyncio.gather(*self._serving)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(len(self.lines), writer)
        self.lines.append(line)
        self._serving.append(asyncio.ensure_future(self._serve_line(line, reader)))

    async def _serve_line(self, line: Line, reader: asyncio.StreamReader) -> None:
        scripts: set[asyncio.Task[None]] = set()
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
                assert await reader.readexactly(len(PREFACE)) == PREFACE
                if self.greet is not None:
                    self.greet(line)
                else:
                    values = b"".join(struct.pack(">HI", name, value) for name, value in self.settings.items())
                    line.send(frame(SETTINGS, 0, 0, values))
                await self._frames(line, reader, scripts)
        finally:
            line.writer.close()
            for script in scripts:
                script.cancel()
            await asyncio.gather(*scripts, return_exceptions=True)

    async def _frames(self, line: Line, reader: asyncio.StreamReader, scripts: set[asyncio.Task[None]]) -> None:
        decoder, begun = Decoder(), dict[int, Asked]()
        while True:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3]))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:9]) & 0x7FFFFFFF
            if kind == HEADERS:
                assert flags & END_HEADERS
                fields = [(name.decode(), value.decode("latin-1")) for name, value in decoder.decode(payload, raw=True)]
                name = dict(fields)[":path"].partition("?")[0].rsplit("/", 1)[-1]
                begun[stream] = Asked(line, stream, name, fields, b"")
                line.streams += 1
                line.most_streams = max(line.most_streams, line.streams)
            elif kind == DATA:
                begun[stream].body += payload
                if payload and self.opens_windows:
                    grown = struct.pack(">I", len(payload))
                    line.send(frame(WINDOW_UPDATE, 0, 0, grown) + frame(WINDOW_UPDATE, 0, stream, grown))
            await self._control(line, kind, flags, stream, payload)
            if kind in (HEADERS, DATA):
                begins = kind == HEADERS if begun[stream].name in self.early else flags & END_STREAM
                if begins:
                    self.asked.append(begun[stream])
                    scripts.add(asyncio.create_task(self._play(begun[stream])))

    async def _control(self, line: Line, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at : at + 6])
                line.settings[name] = value
                if name == INITIAL_WINDOW_SIZE:
                    line.windows.default_factory = lambda value=value: value
            line.send(frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            line.send(frame(PING, ACK, 0, payload))
        elif kind == RST_STREAM:
            line.resets[stream] = int.from_bytes(payload)
        elif kind == GOAWAY:
            line.goaway = int.from_bytes(payload[4:8])
        elif kind == WINDOW_UPDATE:
            line.windows[stream] += int.from_bytes(payload)
        if kind in (RST_STREAM, WINDOW_UPDATE):
            async with line.opened:
                line.opened.notify_all()

    async def _play(self, asked: Asked) -> None:
        try:
            await self.scripts[asked.name](asked)
        except ConnectionError:
            pass
        except Exception as trouble:  # noqa: BLE001 - it is the test's to see
            self.trouble.append(trouble)
        finally:
            asked.line.streams -= 1
