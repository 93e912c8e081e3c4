"""Goodput at twice the capacity, and what a partner at its limit costs another: `python bench/overload.py`.

The node has one core to itself; origin and generators share the other. Rounds are interleaved, and what is compared stems
from the same round. Capacity is what the node serves with as many connections as are used beyond it, each asking again
when it is answered: with fewer, every call is cheaper, for any proxy, and that figure stands beside it. Others may use
the cores meanwhile, so calls are counted per second that the node worked. It takes about two minutes.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from report import Figure, publish
from support.bare_gateway import BareGateway, backend_to
from support.overload import (
    LIMITED_KEY,
    FastOrigin,
    Generator,
    Load,
    cpu_seconds,
    limited_partner,
    place,
    result,
)

ROUNDS = 5
SECONDS = 3.0
CONNECTIONS = 1000
FEW_CONNECTIONS = 64
LEAST_PART = 0.9
LIMIT, FLOOD, USUAL = 100, 2000, 500
MOST_SLOWER = 1.2


@dataclass(frozen=True, slots=True)
class Measured:
    """What a generator saw, and the calls served per second that the node worked."""

    load: Load
    per_second: float


class Bench:
    """A node on a core of its own."""

    def __init__(self, generator: Generator, gateway: BareGateway) -> None:
        self._generator = generator
        self._gateway = gateway

    def run(self, connections: int, rate: float = 0, patience: float = 0) -> Measured:
        """Load it."""
        before = cpu_seconds(self._gateway.pid)
        load = self._generator.run(
            self._gateway.port, connections=connections, seconds=SECONDS, rate=rate, patience=patience
        )
        return Measured(load, load.good / (cpu_seconds(self._gateway.pid) - before))

    def beside_a_flood(self) -> tuple[Load, Load]:
        """Load it as usual, alone and beside a partner that asks for 20 times what it may."""
        alone = self._generator.run(self._gateway.port, connections=32, seconds=SECONDS, rate=USUAL)
        flood = self._generator.start(
            self._gateway.port, connections=32, seconds=SECONDS + 1, rate=FLOOD, key=LIMITED_KEY
        )
        beside = self._generator.run(self._gateway.port, connections=32, seconds=SECONDS, rate=USUAL)
        result(flood, SECONDS)
        return alone, beside


def main() -> int:
    """Measure and publish. Returns the exit code."""
    cores = os.sched_getaffinity(0)
    node_core, other_core, *_ = sorted(cores)
    rounds: list[dict[str, Measured]] = []
    floods: list[tuple[Load, Load]] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        generator = Generator(folder)
        with (
            FastOrigin(folder / "origin") as origin,
            BareGateway(folder / "gateway", backend_to(origin.url), further=limited_partner(LIMIT)) as gateway,
        ):
            place([gateway.pid], {node_core})
            place([os.getpid(), origin.pid], {other_core})
            bench = Bench(generator, gateway)
            for _ in range(ROUNDS):
                few = bench.run(FEW_CONNECTIONS)
                capacity = bench.run(CONNECTIONS)
                rate = 2 * capacity.per_second
                rounds.append(
                    {
                        "few": few,
                        "capacity": capacity,
                        "patient": bench.run(CONNECTIONS, rate, patience=1),
                        "impatient": bench.run(CONNECTIONS, rate),
                    }
                )
                floods.append(bench.beside_a_flood())
    os.sched_setaffinity(0, cores)

    def lost(kind: str, against: str = "capacity") -> float:
        return 100 * statistics.median(1 - one[kind].per_second / one[against].per_second for one in rounds)

    def p99_ms(kind: str) -> float:
        return statistics.median(one[kind].load.p99_us for one in rounds) / 1000

    slower = statistics.median(beside.p99_us / alone.p99_us for alone, beside in floods)
    return publish(
        "overload",
        [
            Figure("goodput lost at twice the capacity", lost("patient"), "%", at_most=100 * (1 - LEAST_PART)),
            Figure("the same, Retry-After ignored", lost("impatient"), "%", at_most=100 * (1 - LEAST_PART)),
            Figure(f"the same, against the capacity with {FEW_CONNECTIONS} connections", lost("patient", "few"), "%"),
            Figure("p99 of what is served then", p99_ms("patient"), "ms"),
            Figure(
                f"capacity with {CONNECTIONS} connections",
                statistics.median(one["capacity"].per_second for one in rounds),
                "calls per second of work",
            ),
            Figure(
                f"capacity with {FEW_CONNECTIONS} connections",
                statistics.median(one["few"].per_second for one in rounds),
                "calls per second of work",
            ),
            Figure("p99 beside a partner at its limit", slower, "times that alone", at_most=MOST_SLOWER),
        ],
        rounds=[{kind: asdict(one) for kind, one in kinds.items()} for kinds in rounds],
        floods=[{"alone": asdict(alone), "beside": asdict(beside)} for alone, beside in floods],
    )


if __name__ == "__main__":
    sys.exit(main())
