"""At the highest rate that one core of a node holds, every answered call is recorded, and the node's memory stays as it is.

PORTAZGO_TEST_ENDURANCE_SECONDS sets for how long (4 here, ten minutes in soak).
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from support.deployment import Deployment
from support.key import own_key
from support.overload import FastOrigin, Generator, result
from support.truth import balance_when_all_has_come

SECONDS = float(os.environ.get("PORTAZGO_TEST_ENDURANCE_SECONDS", "4"))
CONNECTIONS = 32
LONG_SECONDS = 60
MOST_GROWTH = 0.01 if SECONDS >= LONG_SECONDS else 0.1
"""Of resident memory, from the first third on. In seconds, caches still fill."""
OFTEN = "6s"


def publish(deployment: Deployment, url: str) -> str:
    """Put a fast backend behind `/v1/fast`. Returns the id of its API."""
    environment = {"targets": [url], "credential": {"kind": "none"}}
    backend = deployment.admin.post("/backends", {"name": "fast", "environments": {"live": environment}})
    api: str = deployment.admin.post("/apis", {"name": "fast"})["id"]
    route = {"name": "fast", "backend": backend["id"], "method": "GET", "path": "/v1/fast", "backend_path": "/fast"}
    deployment.admin.post(f"/apis/{api}/routes", {**route, "passthrough": True, "environments": ["live"]})
    return api


@pytest.mark.alone
def test_a_full_core_loses_no_record_and_takes_no_more_memory(tmp_path: Path) -> None:
    generator = Generator(tmp_path)
    settings = {"PORTAZGO_THREADS": "1", "PORTAZGO_REVOCATION_MAX_STALENESS": OFTEN}
    with (
        FastOrigin(tmp_path / "origin") as origin,
        Deployment(tmp_path / "deployment", tls=None, **settings) as deployment,
    ):
        key = own_key(deployment, "load", publish(deployment, origin.url))
        running = generator.start(
            deployment.gateway_port, connections=CONNECTIONS, seconds=SECONDS, key=key.whole, path="/v1/fast"
        )
        time.sleep(SECONDS / 3)
        node = deployment.processes["gateway"].pid
        before = resident_bytes(node)
        load = result(running, SECONDS)
        growth = resident_bytes(node) / before - 1
        balance = balance_when_all_has_come(deployment, 60 + SECONDS)
        sums = deployment.admin.get("/usage", {"kid": key.kid, "group_by": ["fault"]})["items"]
    recorded = sum(one["requests"] for one in sums if not one["fault"])
    print(f"{load.goodput:.0f} calls/s for {SECONDS} s, {load.refused} refused, {growth:.2%} more memory")
    assert load.good > 0
    # Beside the calls: those of the key before, and one a connection that was under way at the end.
    assert load.good <= recorded <= load.good + CONNECTIONS + 50
    assert balance["balanced"], balance
    assert (balance["records"]["missing"], balance["records"]["under_way"]) == (0, 0)
    assert growth <= MOST_GROWTH


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
