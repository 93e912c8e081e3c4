"""A backend that closes idle connections after 2 s costs no call.

gunicorn does, and a POST that meets such a close can't be repeated: many clients pause for about as long before each of
theirs. PORTAZGO_TEST_STALE_POSTS sets how many there are (5,000 here).
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

from support.partners import status_line
from support.real_origins import RealOrigin
from support.snapshot_node import SnapshotNode

POSTS = int(os.environ.get("PORTAZGO_TEST_STALE_POSTS", "5000"))
CLIENTS = 625
# gunicorn keeps a connection 2 s. A POST takes one that was idle for less than 1 s: the second pair meets that bound.
PAUSES = [(1.9, 2.1), (1.9, 2.1), (1.9, 2.1), (0.9, 1.1)]
BODY = b"x" * 100


async def _client(port: int, key: str, posts: int, dice: random.Random, seen: Counter[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /v1/items HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {key}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    for number in range(posts):
        if number:
            await asyncio.sleep(dice.uniform(*PAUSES[number % len(PAUSES)]))
        writer.write(head.encode() + BODY)
        seen[await status_line(reader)] += 1
    writer.close()
    await writer.wait_closed()


def test_no_post_meets_a_connection_that_is_being_closed(tmp_path: Path) -> None:
    dice = random.Random(5)
    seen: Counter[bytes] = Counter()

    async def everybody(node: SnapshotNode) -> None:
        rounds = -(-POSTS // CLIENTS)
        await asyncio.gather(*(_client(node.port, node.key, rounds, dice, seen) for _ in range(CLIENTS)))

    with RealOrigin("gunicorn", tmp_path / "origin") as origin, SnapshotNode(tmp_path / "node", origin.address) as node:
        asyncio.run(everybody(node))
        # Connections are used again, or the test would prove nothing.
        assert node.metric("portazgo_backend_reuses_total") > POSTS // 10
        node.stop()
        records = Counter((record["fault"], record["attempts"]) for record in node.records())
    assert seen.total() >= POSTS
    assert seen == {b"HTTP/1.1 200 OK": seen.total()}
    assert sum(count for (fault, _), count in records.items() if fault is None) == seen.total(), records
