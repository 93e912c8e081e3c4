"""Small enough to run beside what it protects: memory of each role after 1,000 calls, at the stated figures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def test_no_role_of_the_embedded_default_is_given_huge_pages(deployment: Deployment) -> None:
    # The native module's allocator asks for them where the kernel gives them to who asks: 2 MiB a thread that wants 4 KiB.
    for name in ("control", "gateway"):
        rollup = Path(f"/proc/{deployment.processes[name].pid}/smaps_rollup").read_text()
        assert [line.split()[1] for line in rollup.splitlines() if line.startswith("AnonHugePages:")] == ["0"], name


LOADED = """
import sys
from portazgo.control.boot import boot
from portazgo.settings import load
boot(load())
import portazgo.control.internal, portazgo.control.urls
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_control_plane_on_sqlite_loads_neither_postgresql_nor_yaml(deployment: Deployment) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED], env=deployment.environment, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert {"django", "ninja", "uvicorn"} <= set(loaded)
    assert {"psycopg", "psycopg_binary", "ruamel", "rich"} & set(loaded) == set()
