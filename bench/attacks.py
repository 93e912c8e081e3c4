"""What an honest client notices of attacks: `python bench/attacks.py [--rounds 9] [--only NAME,NAME] [--print]`.

Each flood of HTTP/2 and each kind of slow client, one at a time: the honest client's p99 beside it, as a multiple of that
right before it, alone. Rounds are interleaved, and the figure is the median of the rounds' ratios. The node has a core to
itself; attackers, origin and honest client share the other, attackers at idle priority, so that they keep it busy and
take nothing from the honest one. `work` attacks nobody: it only computes, and shows what a busy second core costs. Five
minutes on a quiet machine. `--print`: print, and publish nothing.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from report import Figure, publish, show
from support.bare_gateway import BareGateway, backend_to, wait_for
from support.http2_attacks import FLOODS
from support.overload import FastOrigin, Generator, Load, place
from support.slow_clients import SLOW, open_connections, slowhttptest

TESTS = Path(__file__).resolve().parents[1] / "tests"
# The target of issues 4 and 5.
MOST_TIMES = 2.0
SECONDS, ATTACK_SECONDS = 1.5, 15
# Until the attacker is at it; slow readers first take what the kernel holds for them, megabytes each, from the origin.
SETTLING_SECONDS, SLOW_SETTLING_SECONDS = 0.8, 3.0
# More than are ever busy: a call that finds none is left out, and would hide the wait for it.
CONNECTIONS, RATE = 64, 1000
SLOW_CLIENTS, SLOW_READERS = 400, 50
# What an attack leaves behind takes a moment to go.
CALM_SECONDS = 30
WORK = "work"
NAMES = (WORK, *FLOODS, "zero_window", *SLOW)


@dataclass(frozen=True, slots=True)
class Pair:
    """The honest client alone, and right after that beside an attack."""

    alone: Load
    beside: Load

    @property
    def times(self) -> float:
        """How many times as long its slowest hundredth took."""
        return self.beside.p99_us / max(self.alone.p99_us, 1)

    @property
    def failed(self) -> int:
        """Honest calls without a good answer."""
        return sum(load.errors + load.refused for load in (self.alone, self.beside))

    @property
    def left_out(self) -> int:
        """Honest calls that found every connection busy."""
        return self.alone.turned_back + self.beside.turned_back


def main() -> int:
    """Measure and publish. Returns the exit code."""
    arguments = _arguments()
    names = [name for name in NAMES if not arguments.only or name in arguments.only.split(",")]
    cores = os.sched_getaffinity(0)
    node_core, other_core, *_ = sorted(cores)
    with tempfile.TemporaryDirectory() as folder:
        generator = Generator(Path(folder))
        with (
            FastOrigin(Path(folder) / "origin") as origin,
            BareGateway(Path(folder) / "gateway", backend_to(origin.url), PORTAZGO_WRITE_TIMEOUT="6s") as gateway,
        ):
            place([gateway.pid], {node_core})
            place([os.getpid(), origin.pid], {other_core})
            rounds = [
                {name: _pair(generator, gateway, name, Path(folder)) for name in names} for _ in range(arguments.rounds)
            ]
    os.sched_setaffinity(0, cores)
    figures = _figures(rounds, names)
    if arguments.print:
        return show(figures)
    told = [
        {name: {"alone": asdict(pair.alone), "beside": asdict(pair.beside)} for name, pair in one.items()}
        for one in rounds
    ]
    return publish("attacks", figures, rounds=told)


def _pair(generator: Generator, gateway: BareGateway, name: str, folder: Path) -> Pair:
    wait_for(lambda: open_connections(gateway) == 0, "the end of the attack before", CALM_SECONDS)
    alone = generator.run(gateway.port, connections=CONNECTIONS, seconds=SECONDS, rate=RATE)
    with _attacked(gateway, name, folder) as attacker:
        time.sleep(SLOW_SETTLING_SECONDS if name in SLOW else SETTLING_SECONDS)
        beside = generator.run(gateway.port, connections=CONNECTIONS, seconds=SECONDS, rate=RATE)
        if attacker.poll() is not None:
            raise RuntimeError(f"the attack {name} ended before the honest client: {attacker.returncode}")
    return Pair(alone, beside)


@contextmanager
def _attacked(gateway: BareGateway, name: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Attack for as long as the `with` lasts."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with (folder / f"{name}.log").open("wb") as log:
        command = ["chrt", "--idle", "0", *_command(gateway, name)]
        attacker = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=environment)
    try:
        yield attacker
    finally:
        attacker.kill()
        attacker.wait()


def _command(gateway: BareGateway, name: str) -> list[str]:
    if name == WORK:
        return [sys.executable, "-c", "while True: pass"]
    if name in SLOW:
        clients = SLOW_READERS if name == "reading" else SLOW_CLIENTS
        return slowhttptest(gateway, name, clients, 1000, ATTACK_SECONDS)
    return [sys.executable, "-m", "support.http2_attacks", name, str(gateway.port), str(ATTACK_SECONDS)]


def _figures(rounds: Sequence[Mapping[str, Pair]], names: Sequence[str]) -> list[Figure]:
    def p99_ms(loads: Sequence[Load]) -> float:
        return statistics.median(load.p99_us for load in loads) / 1000

    pairs = {name: [one[name] for one in rounds] for name in names}
    times = {name: statistics.median(pair.times for pair in those) for name, those in pairs.items()}
    every = [pair for those in pairs.values() for pair in those]
    figures = [Figure("honest p99 alone", p99_ms([pair.alone for pair in every]), "ms")]
    for name, those in pairs.items():
        told = name.replace("_", " ") + (", slowly" if name in SLOW else "")
        most = None if name == WORK else MOST_TIMES
        figures.append(Figure(f"honest p99 beside {told}", times[name], "times that alone", at_most=most))
        figures.append(Figure(f"honest p99 beside {told}, as it is", p99_ms([pair.beside for pair in those]), "ms"))
    figures.append(Figure("honest calls that failed", sum(pair.failed for pair in every), "calls", at_most=0))
    figures.append(
        Figure("honest calls left out, all connections being busy", sum(pair.left_out for pair in every), "calls")
    )
    return figures


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--only", default="", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--print", action="store_true", help="print, and publish nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
