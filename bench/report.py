"""What every benchmark leaves behind: `results/<name>.json`, and its lines in `results/README.md`.

A figure without its machine says nothing, so the machine is described: cores, processor, kernel, versions, load. Neither
host names nor paths.
"""

from __future__ import annotations

import json
import math
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from portazgo import _native

RESULTS = Path(__file__).resolve().parent / "results"
INTRODUCTION = """# Results

Written by `make bench`: the newest run of each benchmark, and where it ran. The target is what a figure must not exceed. A load
average above the number of cores says that the machine was not quiet. Samples are in the JSON files.
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `at_most` None: no target, told for orientation."""

    name: str
    value: float
    unit: str
    at_most: float | None = None

    @property
    def met(self) -> bool:
        """Whether the target is kept."""
        return self.at_most is None or self.value <= self.at_most


def quantile(samples: Sequence[float], part: float) -> float:
    """Give the sample below which this part of all lies (nearest rank: of 20 samples 0.95 is the second largest)."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def publish(name: str, figures: Sequence[Figure], **details: Any) -> int:
    """Write the results and print them. Returns the exit code: 1 when a target was missed."""
    document = {
        "benchmark": name,
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        "machine": machine(),
        "figures": [{**asdict(figure), "met": figure.met} for figure in figures],
        "details": details,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=2) + "\n")
    (RESULTS / "README.md").write_text(_overview())
    return show(figures)


def show(figures: Sequence[Figure]) -> int:
    """Print the results. Returns the exit code: 1 when a target was missed."""
    for figure in figures:
        print(f"  {figure.name}: {_told(figure.value)} {figure.unit}{_verdict(asdict(figure), met=figure.met)}")
    return 0 if all(figure.met for figure in figures) else 1


def machine() -> dict[str, Any]:
    """Describe where it was measured."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "portazgo": _native.VERSION,
        "commit": _commit(),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    command = ["git", "-C", str(RESULTS.parent), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def _overview() -> str:
    parts = [INTRODUCTION]
    for path in sorted(RESULTS.glob("*.json")):
        document = json.loads(path.read_text())
        parts.append(
            f"\n## {document['benchmark']}\n\n{_told_machine(document)}\n\n| figure | value | target |\n|---|---|---|\n"
        )
        for figure in document["figures"]:
            value = f"{_told(figure['value'])} {figure['unit']}"
            parts.append(f"| {figure['name']} | {value} |{_verdict(figure, met=figure['met'])} |\n")
    return "".join(parts)


def _told_machine(document: dict[str, Any]) -> str:
    host = document["machine"]
    build = f"{document['measured_at']}, Portazgo {host['portazgo']} at {host['commit']}"
    place = f"{host['cores']} × {host['processor']}, {host['memory_gb']} GB, Linux {host['kernel']}, Python {host['python']}"
    return f"{build}, on {place}, load average at the end {host['load_average']}."


def _verdict(figure: dict[str, Any], *, met: bool) -> str:
    if figure["at_most"] is None:
        return " –"
    return f" ≤ {_told(figure['at_most'])}: {'met' if met else 'MISSED'}"


def _told(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"  # noqa: PLR2004 - three digits either way
