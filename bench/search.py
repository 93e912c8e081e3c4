"""How long it takes to find records in a lake: `python bench/search.py [--records 10000000] [--times 20] [--print]`.

A day of calls of 2,000 partners is written by the lake's own writer, a million to a file (some 600 MB, a few minutes). Then it
is searched in each way that `portazgo trace` has, 20 times for different things, by the function that the admin API calls, on
two cores. A page that ends early is an error here. `--print`: print, and publish nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

from report import Figure, publish, quantile, show

CORES = 2
BY_ID_MS = 300.0
PAGE_MS = 1_000.0
PROGRAM = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from portazgo.control.boot import boot
from portazgo.settings import load
folder, records, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
boot(load({"data_dir": folder}, environment={}, file=Path("absent.yaml")))
from portazgo.control.databases import migrate
from support.big_lake import fill, measure
from portazgo.traces.search.child import RESTED_SECONDS
from portazgo.traces.search.process import search
migrate()
filled = fill(records)
found = measure(filled, times=times, rests=RESTED_SECONDS + 5)
search.close()
print(json.dumps({"milliseconds": found, "bytes": filled.bytes, "seconds": filled.seconds}))
"""


def main() -> int:
    """Measure and publish."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--print", action="store_true")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with tempfile.TemporaryDirectory(prefix="portazgo-bench-") as folder:
        command = [sys.executable, "-c", PROGRAM, folder, str(arguments.records), str(arguments.times)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, timeout=3_600)
    found: dict[str, Any] = json.loads(done.stdout)
    figures = list(_figures(found["milliseconds"]))
    figures.append(Figure("a record in the lake", found["bytes"] / arguments.records, "bytes"))
    if arguments.print:
        return show(figures)
    return publish("search", figures, records=arguments.records, **found)


def _figures(milliseconds: dict[str, list[float]]) -> list[Figure]:
    figures = []
    for name, samples in milliseconds.items():
        target = BY_ID_MS if name.startswith(("by id", "by an id")) else PAGE_MS
        if len(samples) == 1:
            figures.append(Figure(name, samples[0], "ms", target))
            continue
        figures.append(Figure(f"{name}, p50", quantile(samples, 0.5), "ms"))
        figures.append(Figure(f"{name}, p95", quantile(samples, 0.95), "ms", None if "count" in name else target))
    return figures


if __name__ == "__main__":
    sys.exit(main())
