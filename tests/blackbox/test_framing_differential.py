"""The gateway and real servers behind it agree on how many requests there are, and where each ends.

The framing vectors go to every origin; mutated streams go to three of them. PORTAZGO_TEST_STREAMS sets how many each gets
(5,000 here), PORTAZGO_TEST_ORIGINS which (`all`, or names), PORTAZGO_TEST_SEED repeats a run. An origin that is not
installed fails the test.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.framing_vectors import Vector, load
from support.mutation import mutated
from support.raw_client import Outcome, exchange, pour
from support.real_origins import COMMANDS, Logged, RealOrigin
from support.snapshot_node import SnapshotNode

STREAMS = int(os.environ.get("PORTAZGO_TEST_STREAMS", "5000"))
_CHOSEN = os.environ.get("PORTAZGO_TEST_ORIGINS", "nginx gunicorn node")
MUTATED = list(COMMANDS) if _CHOSEN == "all" else _CHOSEN.split()
# Records of one node life are held in memory to be compared.
STREAMS_OF_A_ROUND = 20_000
AT_ONCE = 64
LONG = 3000
# What became of these is the client's doing: the origin may have seen them or not, whole or not.
BROKEN_OFF = {"client_aborted", "body_framing_invalid", "body_timeout", "body_too_large"}


def _send(node: SnapshotNode, vectors: Sequence[Vector]) -> list[tuple[Vector, Outcome]]:
    probe = f"GET /v1/items/probe HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {node.key}\r\n\r\n".encode()

    async def one(free: asyncio.Semaphore, vector: Vector) -> tuple[Vector, Outcome]:
        async with free:
            methods = ["HEAD" if vector.send.startswith(b"HEAD ") else "GET"] * len(vector.answers)
            after = None if vector.closed else probe
            return vector, await exchange(node.port, [vector.send], methods, probe=after, leaves=vector.leaves)

    async def everything() -> list[tuple[Vector, Outcome]]:
        free = asyncio.Semaphore(AT_ONCE)
        return await asyncio.gather(*(one(free, vector) for vector in vectors))

    return asyncio.run(everything())


def _pour(node: SnapshotNode, streams: Sequence[bytes]) -> None:
    async def everything() -> None:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(stream: bytes) -> None:
            async with free:
                await pour(node.port, stream)

        await asyncio.gather(*(one(stream) for stream in streams))

    asyncio.run(everything())


def _disagreements(records: list[dict[str, Any]], logged: list[Logged]) -> list[str]:
    """Each request that the origin saw is one that the gateway recorded, with the same method and the same body."""
    by_id = {record["request_id"]: record for record in records}
    seen: dict[str, list[Logged]] = defaultdict(list)
    wrong = []
    if len(by_id) != len(records):
        wrong.append(f"{len(records) - len(by_id)} requests were recorded twice")
    for entry in logged:
        seen[entry.request_id].append(entry)
        record = by_id.get(entry.request_id)
        if record is None:
            wrong.append(f"the origin saw what was never recorded: {entry}")
            continue
        body_bytes = record["backend_bytes_out"]
        same_body = entry.body_bytes in (None, body_bytes) and (entry.announced or body_bytes) >= body_bytes
        same_body |= record["fault"] in BROKEN_OFF
        if entry.method != record["method"] or not same_body:
            wrong.append(f"the origin saw another request: {entry}, {record['method']} with {body_bytes} bytes")
    for request_id, record in by_id.items():
        times = len(seen[request_id])
        # A repeat is one more sight of the same request, over another connection.
        if times > record["attempts"]:
            wrong.append(f"the origin saw one request {times} times in {record['attempts']} attempts: {request_id}")
        if record["backend_status"] and record["fault"] not in BROKEN_OFF:
            if record["backend_status"] != 200:
                wrong.append(f"the origin answered {record['backend_status']} to {seen[request_id]}")
            elif not times:
                wrong.append(f"the origin answered what it did not see: {request_id}")
    return wrong


@pytest.mark.parametrize("name", COMMANDS)
def test_every_vector_reaches_a_real_origin_as_it_says(name: str, tmp_path: Path) -> None:
    with RealOrigin(name, tmp_path / "origin") as origin, SnapshotNode(tmp_path / "node", origin.address) as node:
        vectors = load(node.key, node.stranger)
        outcomes = _send(node, vectors)
        assert node.stop() == 0
    records, logged = node.records(), origin.logged()
    assert _disagreements(records, logged) == []
    seen = defaultdict(list)
    for entry in logged:
        length = entry.announced if entry.body_bytes is None else entry.body_bytes
        seen[entry.request_id].append((entry.method, length))
    by_address = defaultdict(list)
    for record in records:
        by_address[record["client_address"]].append(record["request_id"])
    wrong = []
    for vector, outcome in outcomes:
        found = [one for request_id in by_address[outcome.address] for one in seen[request_id]]
        wanted = [(one.method, len(one.body)) for one in vector.reaches] + ([] if vector.closed else [("GET", 0)])
        methods_agree = [method for method, _ in found] == [method for method, _ in wanted]
        lengths_agree = all(length in (None, want) for (_, length), (_, want) in zip(found, wanted, strict=False))
        # A body that broke is seen or not, depending on when the server reads: `_disagreements` has compared it.
        if not (methods_agree and lengths_agree) and "body_framing_invalid" not in vector.faults:
            wrong.append(f"{vector.name}: {found} instead of {wanted}")
    assert wrong == []


@pytest.mark.parametrize("name", MUTATED)
def test_no_mutated_stream_makes_a_real_origin_see_another_request(name: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("PORTAZGO_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"seed {seed}, {STREAMS} streams")
    chance = random.Random(seed)
    reached = 0
    for number, begin in enumerate(range(0, STREAMS, STREAMS_OF_A_ROUND)):
        folder = tmp_path / str(number)
        with RealOrigin(name, folder / "origin") as origin, SnapshotNode(folder / "node", origin.address) as node:
            vectors = [vector for vector in load(node.key, node.stranger) if len(vector.send) < LONG]
            # What was accepted is closest to what should not have been.
            sources = [vector.send for vector in vectors for _ in range(6 if vector.reaches else 1)]
            count = min(STREAMS_OF_A_ROUND, STREAMS - begin)
            _pour(node, [mutated(chance, sources) for _ in range(count)])
            refusals = node.metric("portazgo_library_refusals_total")
            assert node.stop() == 0
        logged = origin.logged()
        assert _disagreements(node.records(), logged) == [], f"seed {seed}, round {number}"
        assert refusals == 0, f"seed {seed}, round {number}"
        reached += len(logged)
    print(f"{reached} requests reached {name}")
    assert reached > STREAMS // 10, "too few streams reach the origin to prove anything"
