"""Tries contracts made up at random, for long: the property test of contracts, with more cases for each contract.

`python scripts/contract_property.py --cases 1000000 --seed 1` tries answers and requests in turn, says each minute how far
it is, and at its end, or when it is stopped, adds a line to `--results` (bench/results/property.md). `--minutes` ends it
earlier. What breaks a promise is printed with its seed and counted, and the run goes on; it exits 1 then. `--only answers
--seed SEED --cases 1` repeats one. Processes side by side take seeds that lie far from each other.
"""

from __future__ import annotations

import argparse
import fcntl
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests"))

from support.contract_property import Effort, answers, requests  # noqa: E402

# To make a schema, a contract over it and its compiled form costs as much as ten documents do.
EFFORT = Effort(contracts=3, cases=32)
KINDS: dict[str, Callable[[int, Effort], int]] = {"answers": answers, "requests": requests}
FINDINGS_AT_MOST = 20
SAY_EACH_SECONDS = 60.0
HEADING = "| day | what | cases | seeds | CPU seconds | outcome |"


@dataclass
class Run:
    """What was tried from a seed on."""

    first: int
    next_seed: int
    cases: dict[str, int]
    findings: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many cases there were, of all kinds."""
        return sum(self.cases.values())

    def said(self) -> str:
        """Say how far it is."""
        counts = ", ".join(f"{cases:,} {kind}" for kind, cases in self.cases.items())
        return f"{counts}; {time.process_time():.0f} CPU seconds; {len(self.findings)} findings; next seed {self.next_seed}"

    def row(self) -> str:
        """Write what came of it as a line of the table."""
        found = f"{len(self.findings)}: {'; '.join(self.findings)}" if self.findings else "nothing found"
        seeds = f"{self.first} … {self.next_seed - 1}"
        day = datetime.now(UTC).date().isoformat()
        each = f"{EFFORT.contracts} contracts a schema, {EFFORT.cases} cases a contract"
        what = " and ".join(f"{cases:,} {kind}" for kind, cases in self.cases.items())
        return f"| {day} | {what} ({each}) | {self.done:,} | {seeds} | {time.process_time():.0f} | {found} |"


class Stopped(Exception):
    """Somebody wants it to end."""


def run(kinds: list[str], cases: int, seed: int, ends_at: float) -> Run:
    """Try cases of each kind in turn until there are enough or it is late."""
    made = Run(seed, seed, dict.fromkeys(kinds, 0))
    say_at = time.monotonic() + SAY_EACH_SECONDS
    try:
        while made.done < cases and time.monotonic() < ends_at and len(made.findings) < FINDINGS_AT_MOST:
            for kind in kinds:
                made.cases[kind] += _tried(kind, made)
            made.next_seed += 1
            if time.monotonic() >= say_at:
                print(made.said(), flush=True)
                say_at += SAY_EACH_SECONDS
    except Stopped:
        print("stopped", flush=True)
    return made


def _tried(kind: str, made: Run) -> int:
    """Try one seed. What is found is told, and counts as no case."""
    try:
        return KINDS[kind](made.next_seed, EFFORT)
    except Stopped:
        raise
    except BaseException as problem:  # noqa: BLE001 - a panic of the data plane's code is no Exception
        made.findings.append(f"{kind} {made.next_seed} ({type(problem).__name__})")
        print(f"FOUND: --only {kind} --seed {made.next_seed} --cases 1", flush=True)
        print("".join(traceback.format_exception(problem)), flush=True)
        return 0


def add_row(results: Path, row: str) -> None:
    """Put a line below the table's last one; several processes may."""
    with results.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = file.read().splitlines()
        at = lines.index(HEADING)
        while at < len(lines) and lines[at].startswith("|"):
            at += 1
        lines.insert(at, row)
        file.seek(0)
        file.write("\n".join(lines) + "\n")
        file.truncate()


def _stop(*_: object) -> None:
    raise Stopped


def main() -> int:
    """Run, and write down what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, required=True, help="documents and calls to try")
    parser.add_argument("--seed", type=int, required=True, help="where to begin")
    parser.add_argument("--only", choices=KINDS, help="answers or requests alone")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end after so long")
    parser.add_argument("--results", type=Path, help="a table to add a line to")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    kinds = [asked.only] if asked.only else list(KINDS)
    made = run(kinds, asked.cases, asked.seed, time.monotonic() + asked.minutes * 60)
    # Its line is written whole, whoever is in a hurry.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    print(made.said(), flush=True)
    if asked.results:
        add_row(asked.results, made.row())
    return 1 if made.findings else 0


if __name__ == "__main__":
    sys.exit(main())
