"""Goodput at twice the capacity, and what a partner at its limit costs another: `python bench/overload.py`.

The node has one core to itself; origin and generator share the other.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from report import Figure, publish
from support.bare_gateway import BareGateway, backend_to
from support.overload import FastOrigin, Generator, Load, place

ROUNDS = 5
SECONDS = 4.0
LEAST_PART = 0.9


def main() -> int:
    """Measure and publish. Returns the exit code."""
    node_core, other_core, *_ = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generator = Generator(folder)
        with (
            FastOrigin(folder / "origin") as origin,
            BareGateway(folder / "gateway", backend_to(origin.url)) as gateway,
        ):
            place([gateway.pid], {node_core})
            place([os.getpid(), origin.pid], {other_core})
            rounds: list[tuple[Load, Load]] = []
            for _ in range(ROUNDS):
                alone = generator.run(gateway.port, connections=64, seconds=SECONDS)
                over = generator.run(gateway.port, connections=1000, seconds=SECONDS, rate=2 * alone.goodput)
                rounds.append((alone, over))
    lost = statistics.median(1 - over.goodput / alone.goodput for alone, over in rounds)
    return publish(
        "overload",
        [
            Figure("goodput lost at twice the capacity", 100 * lost, "%", at_most=100 * (1 - LEAST_PART)),
            Figure("capacity", statistics.median(alone.goodput for alone, _ in rounds), "calls/s"),
            Figure(
                "p99 of what is served at twice the capacity",
                statistics.median(over.p99_us / 1000 for _, over in rounds),
                "ms",
            ),
        ],
        rounds=[{"alone": repr(alone), "over": repr(over)} for alone, over in rounds],
    )


if __name__ == "__main__":
    sys.exit(main())
