"""Database away, object store stumbling, collector and worker killed: no answered call's record is lost or doubled.

Nodes are told that a segment is safe while PostgreSQL is away, since it lies in S3 then. The truth is the answers that were
got. PORTAZGO_TEST_DATABASE_AWAY_SECONDS sets for how long (20 here, more in soak), PORTAZGO_TEST_SPILL_KILLS how often
control plane and worker are killed; PORTAZGO_TEST_SEED repeats a run.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import psycopg
import pytest
from support.deployment import Deployment
from support.held_ledger import held
from support.kms import CREDENTIALS
from support.load import SteadyLoad
from support.objects_server import PREFIX, BadWay, ObjectsServer, cut_off, lost_answer, refused, reset, silence
from support.postgresql import PostgreSQLServer
from support.truth import COMES_SECONDS, balance_when_all_has_come

from portazgo._native import decode_segment
from portazgo.settings_kinds import DATABASE

AWAY_SECONDS = float(os.environ.get("PORTAZGO_TEST_DATABASE_AWAY_SECONDS", "20"))
KILLS = int(os.environ.get("PORTAZGO_TEST_SPILL_KILLS", "2"))
TROUBLES = (refused(503, "SlowDown"), refused(500, "InternalError"), reset, lost_answer, silence, cut_off(0))
TROUBLE_EVERY_SECONDS = 0.4
STORE_AWAY_SECONDS = 4.0
ON_ITS_WAY_SECONDS = 1.0


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectsServer]:
    with ObjectsServer(tmp_path_factory.mktemp("objects")) as running:
        yield running


@pytest.fixture
def postgresql() -> Iterator[PostgreSQLServer]:
    server = PostgreSQLServer()
    server.start()
    yield server
    server.stop()


def test_nothing_is_lost_or_doubled_while_the_database_is_away_and_processes_are_killed(
    tmp_path: Path, server: ObjectsServer, postgresql: PostgreSQLServer
) -> None:
    seed = int(os.environ.get("PORTAZGO_TEST_SEED", str(time.time_ns() % 2**32)))
    print(f"seed {seed}, database away for {AWAY_SECONDS} s, {KILLS} kills")
    chance = random.Random(seed)
    with (
        BadWay(server.url) as way,
        Deployment(
            tmp_path,
            tls=None,
            PORTAZGO_STATE_URL=postgresql.url,
            PORTAZGO_OBJECTS_URL=server.objects_url(way=way.url),
            **CREDENTIALS,
        ) as deployment,
    ):
        deployment.start_worker()
        with SteadyLoad(deployment.gateway_port, deployment.key["api_key"]) as load:
            deployment.wait_for(lambda: bool(contents(postgresql)), "the first segment")
            with stumbling(way, chance):
                _database_away(deployment, server, way, postgresql)
            _killed(deployment, postgresql, chance)
        # Who hands in is known for ten minutes without the state: what came later waits on the node's disk.
        balance_when_all_has_come(deployment, COMES_SECONDS + AWAY_SECONDS / 5)
        assert deployment.stop("gateway") == 0
        deployment.wait_for(lambda: not spilled(server), "the spilled segments in the ledger", 90 + AWAY_SECONDS / 10)
        usage = deployment.admin.get("/usage/balance")
        state = state_of_spill(postgresql)
        aside = server.keys(f"{PREFIX}/aside/")
    records = Counter(record["request_id"] for content in contents(postgresql) for record in decode_segment(content))
    answered = [call.request_id for call in load.calls if call.request_id]
    print(f"{len(answered)} answered, {len(records)} records")
    assert [one for one in answered if records[one] == 0] == [], f"seed {seed}"
    assert [one for one, count in records.items() if count > 1] == [], f"seed {seed}"
    assert usage["balanced"], usage
    assert len(answered) > AWAY_SECONDS
    assert (state, aside) == ((0, 0), [])


def _database_away(deployment: Deployment, server: ObjectsServer, way: BadWay, postgresql: PostgreSQLServer) -> None:
    with postgresql.away():
        began = time.monotonic()
        deployment.wait_for(lambda: bool(spilled(server)), "a spilled segment", AWAY_SECONDS + 60)
        # Calls go on, and what they leave does not pile up on the node.
        assert deployment.call().status in {200, 429}
        before = len(spilled(server))
        deployment.wait_for(lambda: len(spilled(server)) > before + 2, "more of them", AWAY_SECONDS + 60)
        # Now the store is away, too: nobody is told that anything is safe.
        way.always = refused(503, "SlowDown")
        time.sleep(ON_ITS_WAY_SECONDS)
        seen = len(spilled(server))
        time.sleep(STORE_AWAY_SECONDS)
        # One may still have been on its way, on a machine that does other things.
        assert len(spilled(server)) <= seen + 1
        assert waiting_at_the_node(deployment) > 0
        way.always = None
        time.sleep(max(0.0, began + AWAY_SECONDS - time.monotonic()))
        print(f"{len(spilled(server))} segments spilled")


def _killed(deployment: Deployment, postgresql: PostgreSQLServer, chance: random.Random) -> None:
    """Kill control plane and worker at random moments, some of them while the ledger is locked and segments are spilled."""
    for number in range(KILLS):
        if number % 2 == 0:
            with held(DATABASE.parse("postgresql://any/any"), postgresql.url):
                time.sleep(chance.uniform(1.0, 3.0))
                deployment.kill("control")
        else:
            time.sleep(chance.uniform(0.1, 1.5))
            deployment.kill("control")
        deployment.kill("worker")
        deployment.start_control()
        deployment.start_worker()
        time.sleep(chance.uniform(0.1, 1.0))


class stumbling:  # noqa: N801 - reads as a word after `with`
    """Every now and then something goes wrong on the way to the store."""

    def __init__(self, way: BadWay, chance: random.Random) -> None:
        self._way = way
        self._chance = chance
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._way.troubles.clear()

    def _run(self) -> None:
        while not self._over.wait(TROUBLE_EVERY_SECONDS):
            if not self._way.troubles:
                self._way.troubles.append(self._chance.choice(TROUBLES))


def spilled(server: ObjectsServer) -> list[str]:
    return server.keys(f"{PREFIX}/spill/")


def contents(postgresql: PostgreSQLServer) -> list[bytes]:
    with psycopg.connect(postgresql.url) as connection:
        return [bytes(content) for (content,) in connection.execute("SELECT content FROM ledger.usage_segment")]


def state_of_spill(postgresql: PostgreSQLServer) -> tuple[int, int]:
    with psycopg.connect(postgresql.url) as connection:
        row = connection.execute("SELECT segments, set_aside FROM ledger.usage_spill").fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


def waiting_at_the_node(deployment: Deployment) -> int:
    with urlopen(f"{deployment.health_url}/metrics", timeout=10) as answer:  # noqa: S310 - our own, over HTTP
        lines = answer.read().decode().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("portazgo_segments_waiting ")))
