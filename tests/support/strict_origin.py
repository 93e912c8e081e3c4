"""A strict origin over raw sockets that records what it received. It repairs nothing: what it can't read is noted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

from support.loop_server import LoopServer

DECISIVE = {"host", "content-length", "transfer-encoding", "content-type", "x-request-id", "x-api-key", "authorization"}


@dataclass(slots=True)
class Seen:
    """A request that began to arrive."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""
    complete: bool = False

    @property
    def request_id(self) -> str:
        """The gateway's."""
        return self.headers.get("x-request-id", "")


@dataclass
class Origin(LoopServer):
    """Listens on a free port of loopback, in a thread of its own. Start it with `with`."""

    read_ahead = 1 << 20

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._request(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # Seen.complete tells it.
        except ValueError as problem:
            self.trouble.append(str(problem))
        finally:
            writer.close()

    async def _request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as end:
            if end.partial:
                self.trouble.append(f"a head that never ended: {end.partial[:200]!r}")
            return False
        seen = _read_head(head)
        self.seen.append(seen)
        await _read_body(reader, seen)
        seen.complete = True
        writer.write(_answer(seen))
        await writer.drain()
        return True


def _read_head(head: bytes) -> Seen:
    line, *fields = head[:-4].split(b"\r\n")
    if b"\r" in b"".join(fields) or b"\n" in b"".join(fields):
        raise ValueError(f"bare line ends: {head[:200]!r}")
    method, target, version = line.decode("latin-1").split(" ")
    if version != "HTTP/1.1":
        raise ValueError(f"version {version}")
    headers: dict[str, str] = {}
    for one in fields:
        name, colon, value = one.decode("latin-1").partition(":")
        known = headers.get(name.lower())
        if not colon or name != name.strip() or (known is not None and name.lower() in DECISIVE):
            raise ValueError(f"field {one!r}")
        value = value.strip(" \t")
        headers[name.lower()] = value if known is None else f"{known}, {value}"
    if "content-length" in headers and "transfer-encoding" in headers:
        raise ValueError(f"two lengths: {head!r}")
    return Seen(method, target, headers)


async def _read_body(reader: asyncio.StreamReader, seen: Seen) -> None:
    if "content-length" in seen.headers:
        seen.body = await reader.readexactly(int(seen.headers["content-length"]))
    elif "transfer-encoding" in seen.headers:
        while size := int(await reader.readuntil(b"\r\n"), 16):
            seen.body += await reader.readexactly(size)
            if await reader.readexactly(2) != b"\r\n":
                raise ValueError("a chunk does not end where it says")
        if await reader.readexactly(2) != b"\r\n":
            raise ValueError("trailers were forwarded")


def _answer(seen: Seen) -> bytes:
    document = json.dumps({"method": seen.method, "path": seen.target, "body_bytes": len(seen.body)}).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(document)}\r\n\r\n".encode()
    return head if seen.method == "HEAD" else head + document
