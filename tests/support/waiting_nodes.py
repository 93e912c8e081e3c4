"""Many nodes that wait for news: one process, one bare socket each, the long poll of docs/wire.md section 3.

`python -m support.waiting_nodes HOST:PORT COUNT < token` prints `waiting` when all of them wait, and ends by SIGTERM.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from dataclasses import dataclass, field

from portazgo.kit.ids import uuid7

WAIT_SECONDS = 25
FIRST_ANSWER_SECONDS = 0.5


@dataclass
class Position:
    """Where a node stands."""

    history: str
    revision: int
    hash: str
    security: int


@dataclass
class WaitingNode:
    """Follows the feed as a node does, without understanding it."""

    host: str
    port: int
    token: str
    node: str = field(default_factory=lambda: str(uuid7()))
    epoch: str = field(default_factory=lambda: str(uuid7()))
    asked_at: float = 0.0
    waiting: bool = False

    async def run(self) -> None:
        """Take the snapshot's position, then wait for changes again and again, on one connection."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        head, *_ = await self._ask(reader, writer, "/internal/v1/snapshot")
        position = Position(head["history"], head["revision"], head["hash"], 0)
        while True:
            query = f"history={position.history}&after={position.revision}&hash={position.hash}"
            query += f"&security_after={position.security}&wait={random.randint(15, WAIT_SECONDS)}"  # noqa: S311 - spreads polls, guards nothing
            lines = await self._ask(reader, writer, f"/internal/v1/changes?{query}")
            for line in lines:
                if "format" in line:
                    position.revision, position.hash = line["revision"], line["hash"]
                elif "security" in line:
                    position.security = line["security"]["sequence"]

    def is_settled(self) -> bool:
        """Whether the poll that waits now is one that found nothing at once."""
        return self.waiting and time.monotonic() - self.asked_at > FIRST_ANSWER_SECONDS

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> list[dict]:  # type: ignore[type-arg]
        lines = [f"GET {path} HTTP/1.1", f"Host: {self.host}:{self.port}", f"Authorization: Bearer {self.token}"]
        lines += [f"X-Portazgo-Node: {self.node}", f"X-Portazgo-Epoch: {self.epoch}", "", ""]
        self.asked_at, self.waiting = time.monotonic(), path.startswith("/internal/v1/changes")
        writer.write("\r\n".join(lines).encode())
        status, body = await _answer(reader)
        self.waiting = False
        if status not in {200, 204}:
            raise RuntimeError(f"{path} was answered {status}: {body[:300]!r}")
        return [json.loads(line) for line in body.splitlines()]


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    status = int(head.split()[1])
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if "content-length" in fields:
        return status, await reader.readexactly(int(fields["content-length"]))
    if fields.get("transfer-encoding") != "chunked":
        return status, b""
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readline()
    await reader.readline()
    return status, body


async def _main(host: str, port: int, count: int, token: str) -> None:
    nodes = [WaitingNode(host, port, token) for _ in range(count)]
    async with asyncio.TaskGroup() as group:
        for node in nodes:
            group.create_task(node.run())
            await asyncio.sleep(0.005)
        while not all(node.is_settled() for node in nodes):  # noqa: ASYNC110 - 200 nodes, each with a state of its own
            await asyncio.sleep(0.05)
        sys.stdout.write("waiting\n")
        sys.stdout.flush()


if __name__ == "__main__":
    address, _, its_port = sys.argv[1].partition(":")
    asyncio.run(_main(address, int(its_port), int(sys.argv[2]), sys.stdin.readline().strip()))
