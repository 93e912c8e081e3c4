"""What waiting nodes cost the admin API: its p95 with 200 long polls held open, against the same without them.

Rounds alternate, so that what else the machine does falls on both alike; the figure is the ratio of the median rounds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Self

from report import Figure, publish, quantile
from support.deployment import Deployment
from support.waiting_nodes import WAIT_SECONDS

from portazgo.client.admin import AdminClient
from portazgo.roles.parts import portazgo_command

WAITING_NODES = 200
ROUNDS = 11
READS_PER_ROUND = 200
CHANGES_PER_ROUND = 4
READS = ("/partners", "/keys", "/nodes", "/routes", "/audit", "/usage/balance")
MOST_RATIO = 1.2
READY_SECONDS = 60.0


class ControlPlane(Deployment):
    """The control plane alone."""

    def __enter__(self) -> Self:
        """Migrate and start."""
        self.data.mkdir(parents=True)
        subprocess.run(portazgo_command("migrate"), env=self.environment, check=True, cwd=self.folder)
        self.start_control()
        return self


@contextmanager
def waiting_nodes(control: Deployment, count: int) -> Iterator[None]:
    """Have so many nodes wait, in a process of their own."""
    if count == 0:
        yield
        return
    address = control.environment["PORTAZGO_INTERNAL_LISTEN"]
    token = (control.data / "node-token").read_text()
    command = [sys.executable, "-m", "support.waiting_nodes", address, str(count)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(token)
        process.stdin.close()
        if process.stdout.readline().strip() != "waiting":
            raise RuntimeError("the nodes do not wait")
        yield
        if process.poll() is not None:
            raise RuntimeError("the nodes ended early")
    finally:
        process.terminate()
        process.wait()


def furnish(admin: AdminClient) -> str:
    """Make something to list. Returns a partner's id."""
    partner = ""
    for number in range(30):
        partner = admin.post("/partners", {"name": f"company-{number}"})["id"]
        wanted = {"partner": partner, "name": "first", "environment": "live"}
        application = admin.post("/applications", wanted)["id"]
        admin.post(f"/applications/{application}/keys", {"name": "first"})
    return partner


def processor_seconds(pid: int) -> float:
    """What a process has computed so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def reads(admin: AdminClient) -> list[float]:
    """Time one round of lists, milliseconds."""
    samples = []
    for number in range(READS_PER_ROUND):
        began = time.perf_counter()
        admin.get(READS[number % len(READS)], {"limit": 50} if number % len(READS) < 5 else None)  # noqa: PLR2004 - the last has no pages
        samples.append((time.perf_counter() - began) * 1000)
    return samples


def changes(admin: AdminClient, partner: str, mark: str) -> list[float]:
    """Time changes, milliseconds; each wakes every node that waits."""
    samples = []
    for number in range(CHANGES_PER_ROUND):
        began = time.perf_counter()
        admin.patch(f"/partners/{partner}", {"metadata": {"round": f"{mark} {number}"}})
        samples.append((time.perf_counter() - began) * 1000)
        time.sleep(0.2)
    return samples


def main() -> int:
    """Measure and publish."""
    rounds: dict[str, list[tuple[float, float, float, float]]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory(prefix="portazgo-bench-") as folder, ControlPlane(Path(folder)) as control:
        admin = control.admin
        partner = furnish(admin)
        reads(admin)  # warm
        for number in range(ROUNDS):
            for name, count in (("without", 0), ("with", WAITING_NODES)):
                with waiting_nodes(control, count):
                    before = processor_seconds(control.processes["control"].pid)
                    read = reads(admin)
                    spent = processor_seconds(control.processes["control"].pid) - before
                    changed = changes(admin, partner, f"{name} {number}")
                rounds[name].append((quantile(read, 0.5), quantile(read, 0.95), quantile(changed, 0.5), spent))
    without, with_nodes = ([median(column) for column in zip(*rounds[name], strict=True)] for name in rounds)
    return publish(
        "control_plane",
        [
            Figure("admin API p95 with 200 waiting nodes ÷ without", with_nodes[1] / without[1], "×", MOST_RATIO),
            Figure("admin API p95 without nodes", without[1], "ms"),
            Figure("admin API p95 with 200 waiting nodes", with_nodes[1], "ms"),
            Figure("admin API p50 with 200 waiting nodes ÷ without", with_nodes[0] / without[0], "×"),
            # The load of other programs does not touch this one.
            Figure("its processor time with 200 waiting nodes ÷ without", with_nodes[3] / without[3], "×"),
            Figure("a change, p50 without nodes", without[2], "ms"),
            Figure("a change that wakes 200 nodes, p50", with_nodes[2], "ms"),
        ],
        rounds={name: [[round(value, 3) for value in one] for one in values] for name, values in rounds.items()},
        columns=["read p50 ms", "read p95 ms", "change p50 ms", "processor s"],
        poll_seconds=WAIT_SECONDS,
    )


if __name__ == "__main__":
    sys.exit(main())
