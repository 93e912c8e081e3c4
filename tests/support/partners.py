"""Partners of a node over a snapshot: each asks over a connection of its own, by HTTP/1.1."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from support.raw_client import dechunked
from support.snapshot_node import SnapshotNode


@dataclass(frozen=True, slots=True)
class Got:
    """An answer of HTTP/1.1. `whole`: it ended as it said; status 0: the connection ended before its head."""

    status: int
    fields: dict[str, str]
    body: bytes
    whole: bool


async def ask(node: SnapshotNode, path: str, method: str = "GET", body: bytes = b"", *fields: str) -> Got:
    """Ask over a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", node.port)
    chunked = any(line.startswith("Transfer-Encoding") for line in fields)
    length = [f"Content-Length: {len(body)}"] if (body or method == "POST") and not chunked else []
    lines = [f"{method} /v1/{path} HTTP/1.1", "Host: gate.example", f"X-Api-Key: {node.key}", *length, *fields]
    try:
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
        head, _, rest = (await asyncio.wait_for(reader.read(-1), 30)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    if not head:
        return Got(0, {}, b"", whole=False)
    status, *said = head.decode("latin-1").split("\r\n")
    named = dict(line.lower().split(": ", 1) for line in said)
    whole = True
    if "transfer-encoding" in named:
        rest, whole = dechunked(rest)
    elif method != "HEAD" and "content-length" in named:
        whole = len(rest) == int(named["content-length"])
    return Got(int(status.split(" ")[1]), named, rest, whole)


async def status_line(reader: asyncio.StreamReader) -> bytes:
    """Read an answer that tells its length, to its end. Returns its first line."""
    status, _, fields = (await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")
    length = next(line for line in fields.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.partition(b":")[2]))
    return status


async def until(done: Callable[[], bool]) -> None:
    """Look again and again until it is so. Raises TimeoutError."""
    for _ in range(1_000):
        if done():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


def call(node: SnapshotNode, path: str, method: str = "GET", body: bytes = b"", *fields: str) -> Got:
    """Ask, and wait."""
    return asyncio.run(ask(node, path, method, body, *fields))


def calls(node: SnapshotNode, paths: list[str], method: str = "GET") -> list[Got]:
    """Ask all at once."""

    async def everybody() -> list[Got]:
        return await asyncio.gather(*(ask(node, path, method) for path in paths))

    return asyncio.run(everybody())
