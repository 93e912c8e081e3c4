"""Collecting never delays a revocation, even where the ledger can't be written at all."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

from support.deployment import Deployment
from support.key import own_key
from support.segments import recorded

from portazgo.kit.http import JsonClient
from portazgo.kit.secret import Secret

DEAD_SECONDS = 0.5 * 5
NODES_AT_ONCE = 12
"""Many more than the control plane has threads for databases."""


@contextmanager
def held_ledger(deployment: Deployment) -> Iterator[None]:
    """Keep the one place of the ledger's writer taken."""
    with closing(sqlite3.connect(deployment.data / "ledger.sqlite3", timeout=30, isolation_level=None)) as ledger:
        ledger.execute("BEGIN IMMEDIATE")
        yield
        ledger.execute("ROLLBACK")


@contextmanager
def handing_in(deployment: Deployment) -> Iterator[list[int]]:
    """Hand a segment in, many times at once. Gives the statuses; they are all there afterwards."""
    records = recorded()
    first, content = records.segments[0]
    token = Secret((deployment.data / "node-token").read_text().strip())
    query = {"node": records.node, "epoch": records.epoch, "first": first}
    headers = {"X-Portazgo-Node": str(records.node), "X-Portazgo-Epoch": str(records.epoch)}
    statuses: list[int] = []

    def hand_in() -> None:
        collector = JsonClient(deployment.environment["PORTAZGO_INTERNAL_URL"], token)
        answer = collector.request("POST", "/internal/v1/segments", query=query, body=content, headers=headers)
        statuses.append(answer.status)

    threads = [threading.Thread(target=hand_in) for _ in range(NODES_AT_ONCE)]
    for thread in threads:
        thread.start()
    yield statuses
    for thread in threads:
        thread.join(60)


def test_a_revocation_is_proven_while_every_segment_waits_for_the_ledger(deployment: Deployment) -> None:
    victim = own_key(deployment, "victim")
    # The segment is there before the ledger is held, or else nothing would wait.
    recorded()
    with ExitStack() as held:
        held.enter_context(held_ledger(deployment))
        with handing_in(deployment) as statuses:
            time.sleep(0.5)
            ordered = time.monotonic()
            deployment.admin.post(f"/keys/{victim.kid}/revoke")
            deployment.wait_for(
                lambda: deployment.admin.get(f"/keys/{victim.kid}/propagation")["proven"], "the proof", 60
            )
            proven_after = time.monotonic() - ordered
            assert deployment.call(X_Api_Key=victim.whole).status == 401
            taken_meanwhile = statuses.count(200)
            held.close()
    print(f"proven after {proven_after:.3f} s")
    assert (proven_after < DEAD_SECONDS, taken_meanwhile) == (True, 0)
    # What waited was taken afterwards, or is to be sent again.
    assert len(statuses) == NODES_AT_ONCE
    assert set(statuses) <= {200, 503}
