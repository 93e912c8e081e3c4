"""What a call costs in the data plane, beside its peers: interleaved rounds on a pinned core (bench/peers/README.md).

    python bench/data_plane.py [--rounds 7] [--seconds 2] [--open-rounds 5] [--only 'REGEX,REGEX']

Without `--only` a contender that can't take part ends the run; with it, results are printed and not published.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from peers.arena import Arena, OpenSample, Sample, members
from peers.build import PLACE, Tools, build
from peers.contenders import Contender, all_contenders
from peers.figures import OPEN_LOOP, PORTAZGO, Samples, figures, rows
from peers.memory import bytes_of_a_further_key, kilobytes_of_an_idle_connection
from peers.process import PROXY_CORE, pinned
from report import Figure, publish

PART_OF_MAXIMUM = 0.3
MANY_KEYS = "Portazgo, 1,000,000 keys"
RECORDS, RECORDS_PER_SECOND = 400_000, 60_000
CORES = 2


def main() -> int:
    """Measure and publish."""
    arguments = _arguments()
    if len(os.sched_getaffinity(0)) < CORES:
        raise SystemExit("two cores are needed: one for the contender, one for load and origin")
    tools = build()
    contenders = _chosen(arguments.only)
    PLACE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=PLACE) as folder, Arena(Path(folder), tools) as arena:
        for contender in contenders:
            arena.prove(contender)
        print(f"  {len(contenders)} contenders do what their rows say", flush=True)
        closed = list(_closed(arena, contenders, arguments.rounds, arguments.seconds))
        opened = list(_open(arena, contenders, closed, arguments.open_rounds, arguments.seconds))
        samples = Samples(closed, opened)
        found = [*figures(samples), *_memory(arena, contenders), *_recording(tools, Path(folder))]
    table = rows(samples, [(contender.name, contender.does) for contender in contenders])
    if arguments.only:
        print(json.dumps([vars_of(figure) for figure in found], indent=1, ensure_ascii=False))
        return 0
    code = publish(
        "data_plane",
        found,
        table=table,
        rounds=arguments.rounds,
        seconds=arguments.seconds,
        closed=[members(sample) for sample in closed],
        open=[members(sample) for sample in opened],
    )
    _tell()
    return code


def vars_of(figure: Figure) -> dict[str, Any]:
    """Give a figure's members, for a run that isn't published."""
    return {"name": figure.name, "value": round(figure.value, 3), "unit": figure.unit, "met": figure.met}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a call costs in the data plane, beside its peers.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each sample")
    parser.add_argument("--open-rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="regular expressions of contenders, with commas between them")
    return parser.parse_args()


def _chosen(only: str) -> list[Contender]:
    patterns = only.split(",") if only else [".*"]
    chosen = [one for one in all_contenders() if any(re.fullmatch(pattern.strip(), one.name) for pattern in patterns)]
    if not chosen:
        raise SystemExit(f"no contender is called {only}: {', '.join(one.name for one in all_contenders())}")
    return chosen


def _closed(arena: Arena, contenders: Sequence[Contender], rounds: int, seconds: float) -> list[Sample]:
    order, shuffled = list(contenders), random.Random(1)  # noqa: S311 - the same order in each run
    found = []
    for number in range(rounds):
        shuffled.shuffle(order)
        for contender in order:
            sample = arena.sample(contender, number, seconds)
            found.append(sample)
            told = f"{sample.cpu_us:6.1f} µs  {sample.rate:8.0f}/s  p50 {sample.p50_us:6.0f}  p99 {sample.p99_us:6.0f}"
            used = f"core {sample.core:4.0%}  foreign {sample.foreign:3.0%}  wrong {sample.wrong}"
            print(f"  round {number}  {contender.name:30s} {told}  {used}", flush=True)
    return found


def _open(
    arena: Arena, contenders: Sequence[Contender], closed: Sequence[Sample], rounds: int, seconds: float
) -> list[OpenSample]:
    found = []
    for number in range(rounds):
        for contender in contenders:
            if contender.name not in OPEN_LOOP:
                continue
            most = median(sample.rate for sample in closed if sample.contender == contender.name)
            sample = arena.open_sample(contender, number, seconds, most * PART_OF_MAXIMUM)
            found.append(sample)
            added = f"p50 +{sample.added_p50_us:5.0f}  p99 +{sample.added_p99_us:5.0f}"
            told = f"{sample.rate:6.0f}/s  {sample.cpu_us:5.1f} µs  {added}  foreign {sample.foreign:3.0%}"
            print(f"  open {number}   {contender.name:30s} {told}  wrong {sample.wrong}", flush=True)
    return found


def _memory(arena: Arena, contenders: Sequence[Contender]) -> list[Figure]:
    by_name = {contender.name: contender for contender in contenders}
    found = []
    if PORTAZGO in by_name:
        idle = kilobytes_of_an_idle_connection(arena, by_name[PORTAZGO])
        found.append(Figure("an idle connection (of 5,000)", idle, "KB", 20))
        if MANY_KEYS in by_name:
            further = bytes_of_a_further_key(arena, by_name[PORTAZGO], by_name[MANY_KEYS])
            found.append(Figure("a further key (10,000 → 1,000,000)", further, "bytes", 300))
    return found


def _recording(tools: Tools, folder: Path) -> list[Figure]:
    """Measure recording alone: on the request's thread, and all threads of a process that does nothing else."""
    command = [str(tools.recording), str(folder / "recording"), str(RECORDS), str(RECORDS_PER_SECOND)]
    done = subprocess.run(pinned(PROXY_CORE, command), check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    if told["refused"]:
        raise RuntimeError(f"the journal had no slot for {told['refused']} records")
    return [
        Figure("recording, on the request's thread", told["on_thread_ns"] / 1000, "µs", 0.3),
        Figure("recording, all threads", told["all_threads_ns"] / 1000, "µs", 0.7),
    ]


def _tell() -> None:
    """Write the table and the chart of docs/how-fast.md."""
    programs = Path(__file__).parent / "peers"
    subprocess.run([sys.executable, str(programs / "how_fast.py")], check=True)
    subprocess.run([str(PLACE / "venv" / "bin" / "python"), str(programs / "chart.py")], check=True)


if __name__ == "__main__":
    sys.exit(main())
