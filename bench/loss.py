"""For how long an answered call is at the mercy of its host, and how many records a second reach a disk.

`python bench/loss.py`. Two windows (docs/when-a-node-dies.md): from the answer until the disk of the node has its record,
and from the answer until the ledger has it. The first is that of the journal alone, in a program of its own; the second
of a whole deployment with the embedded defaults. It takes a minute.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from peers.build import NATIVE, PROFILE, PROJECT
from report import Figure, publish, quantile
from support.deployment import Deployment

SECONDS = 5.0
STEADY_PER_SECOND, FULL_PER_SECOND = 20_000, 102_000
LEAST_PER_SECOND = 100_000
# The commit window is 5 ms and one fdatasync; a record is to be seen within 2 s (issue 7).
COMMIT_P50_MS, LEDGER_S = 10.0, 2.0
CALLS = 30
OK = 200
LOSS = NATIVE / "target" / "dist" / "examples" / "loss"
BUILD = ("build", *PROFILE, "--package", "portazgo-server", "--example", "loss")


def main() -> int:
    """Measure and publish."""
    subprocess.run([str(PROJECT / "scripts" / "cargo-like-maturin"), *BUILD], check=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        steady = _journal(folder / "steady", STEADY_PER_SECOND)
        full = _journal(folder / "full", FULL_PER_SECOND)
        shipped = _until_acknowledged(folder / "deployment")
    figures = [
        Figure("answered until on the disk, p50", steady["p50_us"] / 1_000, "ms", COMMIT_P50_MS),
        Figure("answered until on the disk, p99", steady["p99_us"] / 1_000, "ms"),
        Figure(f"answered until on the disk, slowest of {steady['measured']}", steady["max_us"] / 1_000, "ms"),
        Figure("answered until in the ledger, p50", quantile(shipped, 0.5), "s"),
        Figure(f"answered until in the ledger, slowest of {CALLS}", max(shipped), "s", LEDGER_S),
        Figure("records to the disk", full["per_second"], "records/s"),
        Figure("short of the rate", max(0.0, 1 - full["per_second"] / LEAST_PER_SECOND) * 100, "%", 0),
        Figure("refused at that rate for want of a slot", full["refused"], "calls", 0),
        Figure("answered until on the disk at that rate, p99", full["p99_us"] / 1_000, "ms"),
    ]
    return publish("loss", figures, steady=steady, full=full, shipped_seconds=shipped)


def _journal(folder: Path, per_second: int) -> dict[str, Any]:
    done = subprocess.run(
        [str(LOSS), str(folder), str(SECONDS), str(per_second)], check=True, capture_output=True, text=True
    )
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def _until_acknowledged(folder: Path) -> list[float]:
    """Make calls one by one. Returns after how many seconds the collector had acknowledged each."""
    waited = []
    with Deployment(folder) as deployment:
        for number in range(CALLS):
            # At another place of the segment's second each time.
            time.sleep(number / CALLS)
            assert deployment.call().status == OK
            answered = time.monotonic()
            while _at_risk(deployment):
                time.sleep(0.01)
            waited.append(time.monotonic() - answered)
    return waited


def _at_risk(deployment: Deployment) -> int:
    with urlopen(f"{deployment.health_url}/metrics", timeout=10) as answer:  # noqa: S310 - our own address
        figures = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if not line.startswith("#"))
    in_slots = int(figures["portazgo_records_unwritten"]) + int(figures['portazgo_record_slots{state="used"}'])
    return in_slots + int(figures["portazgo_records_at_risk"])


if __name__ == "__main__":
    sys.exit(main())
