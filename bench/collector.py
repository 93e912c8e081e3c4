"""How many records a second the collector takes into the ledger with one core, and what a record costs it.

    python bench/collector.py [--records 3000000] [--ledger sqlite|postgresql] [--print]

The control plane is bound to one core and serves over HTTP as always: segments are judged, stored and added up, each in a
durable transaction, before it is acknowledged. Four busy nodes hand in what the journal's own writer made ahead, each its next
segment when the last was acknowledged; they, and PostgreSQL's server, have the other cores. Segments are full (1 MiB), of
1,000 keys on four routes by Zipf's law: a thousand sums each. `--ledger`: one of the runs, printed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from busy_nodes import handing_in, make_segments
from control_plane import ControlPlane, processor_seconds
from report import Figure, publish
from support.postgresql import PostgreSQLServer

NODES = 4
# The target of issue 7.
LEAST_PER_SECOND = 100_000
AS_FAST_AS_IT_GOES = 1_000_000_000
RUNS = ("sqlite", "postgresql")
TITLES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found."""

    records: int
    seconds: float
    processor_seconds: float
    """Of the control plane."""
    bytes_each: float

    @property
    def per_second(self) -> float:
        """Records that were acknowledged in a second."""
        return self.records / self.seconds


def main() -> int:
    """Measure and publish."""
    arguments = _arguments()
    runs = [arguments.ledger] if arguments.ledger else list(RUNS)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="portazgo-bench-") as folder:
        each = arguments.records // NODES
        folders = make_segments(Path(folder) / "segments", NODES, each, LEAST_PER_SECOND // NODES)
        for name in runs:
            figures += _figures(name, _run(name, Path(folder) / name, folders))
    if arguments.print or len(runs) < len(RUNS):
        print(json.dumps([(one.name, round(one.value, 3), one.unit, one.met) for one in figures], indent=1))
        return 0 if all(one.met for one in figures) else 1
    return publish("collector", figures, records=arguments.records, nodes=NODES)


def _figures(name: str, outcome: Outcome) -> list[Figure]:
    title = TITLES[name]
    short = max(0.0, 1 - outcome.per_second / LEAST_PER_SECOND) * 100
    return [
        Figure(f"{title}: into the ledger with one core", outcome.per_second, "records/s"),
        Figure(f"{title}: short of {LEAST_PER_SECOND:,} records/s", short, "%", 0.0),
        Figure(f"{title}: the control plane computes", outcome.processor_seconds / outcome.records * 1e6, "µs/record"),
        Figure(f"{title}: of the core's time", outcome.processor_seconds / outcome.seconds * 100, "%"),
        Figure("bytes of a record in its segment", outcome.bytes_each, "bytes"),
    ]


def _run(name: str, folder: Path, segments: list[Path]) -> Outcome:
    first, *others = sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, {first, *others})
        environment = {}
        if others:
            os.sched_setaffinity(0, others)
        if name == "postgresql":
            server = PostgreSQLServer(fsync=True)
            stack.callback(server.stop)
            server.start()
            environment["PORTAZGO_STATE_URL"] = server.url
        # What is started inherits it.
        os.sched_setaffinity(0, {first})
        control = stack.enter_context(ControlPlane(folder, tls=None, **environment))
        os.sched_setaffinity(0, others or {first})
        pid = control.processes["control"].pid
        before, began = processor_seconds(pid), time.monotonic()
        with handing_in(control, AS_FAST_AS_IT_GOES, segments) as shipping:
            told = shipping.all()
        seconds, computed = time.monotonic() - began, processor_seconds(pid) - before
        _require_all(control, told["records"])
    return Outcome(told["records"], seconds, computed, told["bytes"] / told["records"])


def _require_all(control: ControlPlane, records: int) -> None:
    """A rate is worth something only where nothing was lost."""
    balance = control.admin.get("/usage/balance")
    collected = sum(epoch["collected"] for epoch in balance["items"])
    if (collected, balance["requests"]["balanced"]) != (records, True):
        raise RuntimeError(
            f"{records} records were acknowledged, and the ledger holds {collected}: {balance['requests']}"
        )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How many records a second the collector takes with one core.")
    parser.add_argument("--records", type=int, default=3_000_000)
    parser.add_argument("--ledger", choices=RUNS, help="this run alone, printed")
    parser.add_argument("--print", action="store_true", help="publish nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
