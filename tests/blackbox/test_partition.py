"""A node that the network has cut off: with a lease it refuses in time, without one it stays unproven. No byte passes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.deployment import Deployment
from support.key import own_key
from support.node import ExtraNode
from support.partition import Partition

LEASE_SECONDS = 5
SLOW = 5
"""A busy machine may be so many times slower than a quiet one."""
Cut = tuple[ExtraNode, Partition]


@pytest.fixture
def cut_off(deployment: Deployment, tmp_path: Path) -> Iterator[Callable[..., Cut]]:
    """Start a node behind a network that can fall apart."""
    opened: list[tuple[Partition, ExtraNode]] = []

    def start(name: str, **environment: str) -> Cut:
        network = Partition(deployment.environment["PORTAZGO_INTERNAL_URL"])
        network.__enter__()
        node = ExtraNode(deployment, tmp_path / name, PORTAZGO_INTERNAL_URL=network.url, **environment)
        opened.append((network, node))
        node.start()
        return node, network

    yield start
    for network, node in opened:
        node.kill()
        network.__exit__()
        deployment.admin.post(f"/nodes/{node.node_id}/retire")


def verdict_on(deployment: Deployment, kid: str, node: ExtraNode) -> dict[str, Any]:
    """What is known of one node about a key's last change."""
    told = deployment.admin.get(f"/keys/{kid}/propagation")
    found: dict[str, Any] = next(one for one in told["nodes"] if one["node"] == node.node_id)
    return {**found, "proven": told["proven"]}


def test_a_partitioned_node_with_a_lease_of_5_s_refuses_by_then_and_one_without_stays_unproven(
    deployment: Deployment, cut_off: Callable[..., Cut]
) -> None:
    key = own_key(deployment, "revoked")
    leased, network = cut_off("leased", PORTAZGO_REVOCATION_MAX_STALENESS=f"{LEASE_SECONDS}s")
    unleased, other_network = cut_off("unleased", PORTAZGO_REVOCATION_MAX_STALENESS="off")
    for node in (leased, unleased):
        deployment.wait_for(lambda node=node: node.call(key.whole)[0] == 200, "the key")  # type: ignore[misc]
    # A lease that is renewed does not end.
    time.sleep(LEASE_SECONDS + 1)
    assert leased.call(key.whole)[0] == 200

    passed = network.passed
    network.apart.set()
    other_network.apart.set()
    cut = time.monotonic()
    deployment.admin.post(f"/keys/{key.kid}/revoke")
    deployment.wait_for(lambda: leased.call(key.whole)[0] != 200, "its refusal", LEASE_SECONDS * SLOW)
    assert time.monotonic() - cut <= LEASE_SECONDS + SLOW
    status, problem = leased.call(key.whole)
    assert (status, problem["code"], problem["blame"]) == (503, "gateway_unavailable", "gateway")
    deployment.wait_for(
        lambda: verdict_on(deployment, key.kid, leased)["state"] == "fenced", "the fence", LEASE_SECONDS * SLOW
    )
    assert verdict_on(deployment, key.kid, leased)["at"] is not None
    # Told from the outside; so it must be true of the node from that moment on.
    assert leased.call(key.whole)[0] == 503
    assert network.passed == passed, "the partition let something through"

    silent = verdict_on(deployment, key.kid, unleased)
    assert (silent["state"], silent["at"], silent["proven"]) == ("unproven", None, False)
    assert unleased.call(key.whole)[0] == 200, "without a lease a node that hears nothing goes on"

    network.apart.clear()
    other_network.apart.clear()
    for node in (leased, unleased):
        deployment.wait_for(lambda node=node: node.call(key.whole)[0] == 401, "its contact", 60)  # type: ignore[misc]
    deployment.wait_for(lambda: verdict_on(deployment, key.kid, leased)["proven"], "the proof", 60)
    assert deployment.trace(problem["instance"], 60)["fault"] == "node_stale"
