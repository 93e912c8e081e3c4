"""What Portazgo takes and how soon it is there: memory of each role, time to ready, to visible, to dead."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

from report import Figure, publish
from support.control import pss_of_role
from support.deployment import Deployment
from support.key import OwnKey, own_key
from support.ports import free_port

from portazgo.client.admin import Answered
from portazgo.roles.parts import portazgo_command

CALLS = 1_000
CONTROL_MEGABYTES, NODE_MEGABYTES = 130, 45
COLD_SECONDS, SECOND_SECONDS = 60, 10
VISIBLE_SECONDS, DEAD_SECONDS = 2.0, 0.5
SAMPLES = 10
LATEST_SECONDS = 120.0


def demo_ports() -> dict[str, str]:
    """Choose free ports for the demo, the same for all its runs."""
    return {f"PORTAZGO_{part}_PORT": str(free_port()) for part in ("GATEWAY", "CONTROL", "BACKEND")}


def demo_seconds(folder: Path, ports: Mapping[str, str]) -> tuple[float, float]:
    """Run the demo until it is ready, then end it. Returns how long it took to be ready, and the processor time of all."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PORTAZGO_")},
        "PORTAZGO_DATA_DIR": str(folder / "data"),
        **ports,
    }
    ready = folder / "data" / "demo.json"
    began, spent = time.monotonic(), processor_seconds()
    with (folder / "demo.log").open("ab") as log:
        demo = subprocess.Popen(portazgo_command("demo"), env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        while not _is_ready(ready, began):
            if demo.poll() is not None or time.monotonic() - began > LATEST_SECONDS:
                raise RuntimeError((folder / "demo.log").read_text()[-2000:])
            time.sleep(0.02)
        took = time.monotonic() - began
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(20)
    return took, processor_seconds() - spent


def processor_seconds() -> float:
    """What all children that have ended took, and theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _is_ready(path: Path, began: float) -> bool:
    # The file of an earlier run is removed at the start, but not at the first moment.
    try:
        fresh = time.time() - path.stat().st_mtime < time.monotonic() - began
        return fresh and bool(json.loads(path.read_text())["ready"])
    except (OSError, ValueError):
        return False


def seconds_until(done: Callable[[], bool]) -> float:
    """Look again and again. Returns how long it took."""
    began = time.monotonic()
    while not done():
        if time.monotonic() - began > LATEST_SECONDS:
            raise RuntimeError("it did not come to pass")
        time.sleep(0.01)
    return time.monotonic() - began


def visible_seconds(deployment: Deployment, key: OwnKey) -> float:
    """Time from an answer to its visible trace."""
    request_id = deployment.call(X_Api_Key=key.whole).request_id

    def shown() -> bool:
        try:
            return bool(deployment.admin.get(f"/traces/{request_id}"))
        except Answered as problem:
            if problem.status != 404:  # noqa: PLR2004 - HTTP's own number
                raise
            return False

    return seconds_until(shown)


def dead_seconds(deployment: Deployment, number: int) -> float:
    """Time from the order to revoke a key to the first refusal."""
    key = own_key(deployment, f"doomed-{number}")
    began = time.monotonic()
    deployment.admin.post(f"/keys/{key.kid}/revoke")
    whoami = "/.well-known/portazgo/whoami"
    seconds_until(lambda: deployment.call(whoami, X_Api_Key=key.whole).status == 401)  # noqa: PLR2004 - likewise
    return time.monotonic() - began


def main() -> int:
    """Measure and publish."""
    with tempfile.TemporaryDirectory(prefix="portazgo-bench-") as scratch:
        demo = Path(scratch) / "demo"
        demo.mkdir()
        ports = demo_ports()
        (cold, cold_cpu), (second, second_cpu) = demo_seconds(demo, ports), demo_seconds(demo, ports)
        with Deployment(Path(scratch) / "deployment") as deployment:
            key = own_key(deployment, "measured")
            admin = deployment.admin
            for _ in range(CALLS):
                deployment.call("/v1/issuers/?page_size=1", X_Api_Key=key.whole)
                admin.get("/partners")
            roles = {name: pss_of_role(deployment.processes[name].pid) for name in ("control", "gateway")}
            visible = [visible_seconds(deployment, key) for _ in range(SAMPLES)]
            dead = [dead_seconds(deployment, number) for number in range(SAMPLES)]
    return publish(
        "footprint",
        [
            Figure("control plane after 1,000 calls, PSS", roles["control"], "MB", CONTROL_MEGABYTES),
            Figure("node after 1,000 calls, PSS", roles["gateway"], "MB", NODE_MEGABYTES),
            Figure("`portazgo demo` ready, first time", cold, "s", COLD_SECONDS),
            Figure("`portazgo demo` ready, second time", second, "s", SECOND_SECONDS),
            Figure("processor time of the demo, all processes, first time", cold_cpu, "s"),
            Figure("processor time of the demo, all processes, second time", second_cpu, "s"),
            Figure("answer to visible trace, slowest of 10", max(visible), "s", VISIBLE_SECONDS),
            Figure("answer to visible trace, median", median(visible), "s"),
            Figure("order to revoke to dead, slowest of 10", max(dead), "s", DEAD_SECONDS),
            Figure("order to revoke to dead, median", median(dead), "s"),
        ],
        visible_seconds=[round(value, 3) for value in visible],
        dead_seconds=[round(value, 3) for value in dead],
    )


if __name__ == "__main__":
    sys.exit(main())
