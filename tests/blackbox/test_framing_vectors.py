"""What the gateway refuses and what it lets through, byte by byte, in front of an origin that records what it received.

The vectors are data (tests/cases/framing). Each is sent whole, split at many places, and one byte at a time. In no case
does the origin see more or other requests than the gateway counted and recorded. PORTAZGO_TEST_MUTATIONS sets how many
streams are mutated from them, PORTAZGO_TEST_SEED repeats a run.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.framing_vectors import Vector, load
from support.mutation import mutated
from support.strict_origin import Origin, Seen
from support.raw_client import Outcome, exchange
from support.snapshot_node import SnapshotNode

AT_ONCE = 48
SPLITS = 6
LONG = 3000
MUTATIONS = int(os.environ.get("PORTAZGO_TEST_MUTATIONS", "2000"))


class Run:
    """A node, its origin, and everything that was sent."""

    def __init__(self, folder: Path) -> None:
        self.origin = Origin()
        self._folder = folder
        self.by_address: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self.seen: dict[str, list[Seen]] = defaultdict(list)
        self.library_refusals = -1

    def send(self, jobs: Iterable[tuple[Vector, list[bytes]]]) -> list[tuple[Vector, Outcome]]:
        """Send each over a connection of its own, many at once."""
        return asyncio.run(self._send_all(list(jobs)))

    async def _send_all(self, jobs: list[tuple[Vector, list[bytes]]]) -> list[tuple[Vector, Outcome]]:
        free = asyncio.Semaphore(AT_ONCE)

        async def one(vector: Vector, pieces: list[bytes]) -> tuple[Vector, Outcome]:
            async with free:
                methods = [_method(vector)] * len(vector.answers)
                probe = None if vector.closed else self.probe
                return vector, await exchange(self.node.port, pieces, methods, probe=probe, leaves=vector.leaves)

        return await asyncio.gather(*(one(*job) for job in jobs))

    def start(self) -> None:
        self.origin.__enter__()
        self.node = SnapshotNode(self._folder, f"127.0.0.1:{self.origin.port}")
        self.node.__enter__()
        key = self.node.key
        self.probe = f"GET /v1/items/probe HTTP/1.1\r\nHost: gate.example\r\nX-Api-Key: {key}\r\n\r\n".encode()

    def end(self) -> None:
        """End the node and read what it recorded."""
        self.library_refusals = self.node.metric("portazgo_library_refusals_total")
        assert self.node.stop() == 0
        self.origin.__exit__()
        for record in self.node.records():
            self.by_address[record["client_address"]].append(record)
        for seen in self.origin.seen:
            self.seen[seen.request_id].append(seen)


def _method(vector: Vector) -> str:
    return "HEAD" if vector.send.startswith(b"HEAD ") else "GET"


def _splits(vector: Vector) -> Iterator[list[bytes]]:
    """The whole, some splits in two (line ends first), and one byte at a time; long ones in long pieces."""
    send = vector.send
    yield [send]
    size = 1 if len(send) < LONG else 997
    yield [send[at : at + size] for at in range(0, len(send), size)]
    chance = random.Random(vector.name)
    places = {at + 1 for at, byte in enumerate(send[:LONG]) if byte in b"\r\n"} | set(range(1, min(len(send), LONG)))
    for cut in chance.sample(sorted(places), min(SPLITS, len(places))):
        yield [send[:cut], send[cut:]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, list[tuple[Vector, Outcome]]]:
    """Everything sent, the node ended, its records read."""
    running = Run(tmp_path_factory.mktemp("vectors"))
    running.start()
    try:
        vectors = load(running.node.key, running.node.stranger)
        seed = int(os.environ.get("PORTAZGO_TEST_SEED", str(time.time_ns() % 2**32)))
        print(f"seed {seed}, {len(vectors)} vectors, {MUTATIONS} mutations")
        outcomes = running.send((vector, pieces) for vector in vectors for pieces in _splits(vector))
        _send_mutants(running, vectors, random.Random(seed))
        running.end()
    finally:
        running.node.stop()
    return running, outcomes


def _send_mutants(running: Run, vectors: list[Vector], chance: random.Random) -> list[Outcome]:
    """Mutated streams: nothing is expected of an answer, so each client leaves when it has waited a little."""

    async def one(free: asyncio.Semaphore, stream: bytes) -> Outcome:
        async with free:
            try:
                async with asyncio.timeout(0.5):
                    return await exchange(running.node.port, [stream], ["GET"] * 8)
            except TimeoutError:
                return Outcome("", (), closed=False, rest=b"")

    async def everything() -> list[Outcome]:
        free = asyncio.Semaphore(AT_ONCE)
        streams = (
            mutated(chance, [vector.send for vector in vectors if len(vector.send) < LONG]) for _ in range(MUTATIONS)
        )
        return await asyncio.gather(*(one(free, stream) for stream in streams))

    return asyncio.run(everything())


def test_each_vector_is_answered_and_recorded_as_it_says(run: tuple[Run, list[tuple[Vector, Outcome]]]) -> None:
    running, outcomes = run
    wrong = []
    for vector, outcome in outcomes:
        probed = () if vector.closed else (200,)
        records = running.by_address[outcome.address]
        got = (outcome.answers, outcome.closed, tuple(record["fault"] for record in records), outcome.rest)
        want = (
            vector.answers + probed,
            vector.closed,
            vector.faults + ((None,) if probed else ()),
            b"",
        )
        statuses = tuple(record["status_sent"] for record in records if record["status_sent"])
        if got != want or (statuses != outcome.answers):
            wrong.append(f"{vector.name}: {got}, statuses {statuses}, instead of {want}")
    assert wrong == [], f"{len(wrong)} of {len(outcomes)}\n" + "\n".join(wrong[:40])
    assert len({vector.name for vector, _ in outcomes}) >= 150


def test_the_origin_sees_what_each_vector_says_and_nothing_else(run: tuple[Run, list[tuple[Vector, Outcome]]]) -> None:
    running, outcomes = run
    wrong = []
    for vector, outcome in outcomes:
        seen = [one for record in running.by_address[outcome.address] for one in running.seen[record["request_id"]]]
        whole = [(one.method, one.target, one.body) for one in seen if one.complete]
        want = [(one.method, one.path, one.body) for one in vector.reaches]
        want += [] if vector.closed else [("GET", "/api/items/probe", b"")]
        if whole != want:
            wrong.append(f"{vector.name}: {whole} instead of {want}")
    assert wrong == [], f"{len(wrong)} of {len(outcomes)}\n" + "\n".join(wrong[:40])


def test_the_origin_never_sees_what_the_gateway_did_not_record(run: tuple[Run, list[tuple[Vector, Outcome]]]) -> None:
    running, _ = run
    assert running.origin.trouble == []
    recorded = {record["request_id"]: record for records in running.by_address.values() for record in records}
    for request_id, seen in running.seen.items():
        assert request_id in recorded, seen
        # A GET may be repeated over another connection when the first was being closed; nothing else may.
        assert len(seen) <= recorded[request_id]["attempts"], seen
        body_broke = recorded[request_id]["fault"] in {
            "body_framing_invalid",
            "client_aborted",
            "body_timeout",
            "body_too_large",
        }
        assert all(one.complete for one in seen) or body_broke, (seen, recorded[request_id])
    assert len(recorded) == sum(len(records) for records in running.by_address.values()), "a request was recorded twice"


def test_the_http_library_never_refuses_what_framing_accepted(run: tuple[Run, list[tuple[Vector, Outcome]]]) -> None:
    running, _ = run
    assert running.library_refusals == 0
    assert not any(record["fault"] == "gateway_panic" for records in running.by_address.values() for record in records)
