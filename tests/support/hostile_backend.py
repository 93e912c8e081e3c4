"""A backend that answers as a test says, byte by byte, and remembers which connection carried which request."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

from support.loop_server import LoopServer

Script = Callable[[asyncio.StreamWriter], Coroutine[None, None, bool]]
"""Writes an answer. Returns whether the connection stays open."""
GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"


def bytes_then(answer: bytes, *, stays: bool = True) -> Script:
    """Write the bytes at once."""

    async def script(writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        await writer.drain()
        return stays

    return script


def reset_after(answer: bytes) -> Script:
    """Write the bytes, then reset the connection."""

    async def script(writer: asyncio.StreamWriter) -> bool:
        writer.write(answer)
        await writer.drain()
        await asyncio.sleep(0.05)
        # A close without lingering is a reset.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
        return False

    return script


def slowly(*pieces: bytes, pause: float, stays: bool = True) -> Script:
    """Write piece after piece, with pauses."""

    async def script(writer: asyncio.StreamWriter) -> bool:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause)
        return stays

    return script


def for_ever(head: bytes, piece: bytes, most_bytes: int = 1 << 28) -> Script:
    """Write pieces until the gateway has had enough; bounded, so that a test ends."""

    async def script(writer: asyncio.StreamWriter) -> bool:
        writer.write(head)
        for _ in range(most_bytes // len(piece)):
            writer.write(piece)
            await writer.drain()
        return False

    return script


@dataclass
class HostileBackend(LoopServer):
    """Start it with `with`. A request for `/api/items/NAME` is answered by the script NAME; `good` is always there."""

    port: int = 0
    scripts: dict[str, Script] = field(default_factory=lambda: {"good": bytes_then(GOOD)})
    carried: list[tuple[int, str]] = field(default_factory=list)
    """Connection number and script, in the order of the requests."""
    request_ids: list[str] = field(default_factory=list)
    """As the gateway named them, one for each request that came."""
    bodies: list[bytes] = field(default_factory=list)
    """Of those requests that say a length, as far as they came."""
    impatient: set[str] = field(default_factory=set)
    """Scripts that begin before the request's body has come."""
    at_once: int = 0
    """Most requests that it had at one time."""
    _connections: int = 0
    _busy: int = 0

    def connections_of(self, script: str) -> set[int]:
        """Which connections carried a request for this script."""
        return {connection for connection, name in self.carried if name == script}

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        try:
            # Cancelled at the end of the test: nobody is there to be told.
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                stays = True
                while stays:
                    stays = await self._request(number, reader, writer)
        finally:
            # A socket that nobody closes is reported in some later test.
            writer.close()

    async def _request(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        name = head.split(b" ")[1].decode().rsplit("/", 1)[-1]
        self.carried.append((number, name))
        named = re.search(rb"\r\nx-request-id: (\S+)\r\n", head.lower())
        self.request_ids += [named[1].decode()] if named else []
        self._busy += 1
        self.at_once = max(self.at_once, self._busy)
        try:
            if name not in self.impatient:
                await self._body(head, reader)
            return await self.scripts[name](writer)
        finally:
            self._busy -= 1

    async def _body(self, head: bytes, reader: asyncio.StreamReader) -> None:
        length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head.lower())
        if length is None:
            return
        try:
            self.bodies.append(await reader.readexactly(int(length[1])))
        except asyncio.IncompleteReadError as cut:
            self.bodies.append(cut.partial)
            raise
