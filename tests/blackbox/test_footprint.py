"""Small enough to run beside what it protects: memory of each role after 1,000 calls, at the stated figures."""

from __future__ import annotations

from support.control import pss_of_role
from support.deployment import Deployment
from support.key import own_key

CALLS = 1_000
CONTROL_MEGABYTES = 130
NODE_MEGABYTES = 45


def test_control_plane_and_node_stay_small(deployment: Deployment) -> None:
    key = own_key(deployment, "measured")
    admin = deployment.admin
    for number in range(CALLS):
        reply = deployment.call("/v1/issuers/?page_size=1", X_Api_Key=key.whole)
        assert reply.status == 200
        admin.get(("/partners", "/traces", "/usage/balance")[number % 3])
    sizes = {name: pss_of_role(deployment.processes[name].pid) for name in ("control", "gateway")}
    print({name: f"{size:.1f} MB" for name, size in sizes.items()})
    assert sizes["control"] <= CONTROL_MEGABYTES
    assert sizes["gateway"] <= NODE_MEGABYTES
