"""What proving a key and finding the backend's token cost a request, with a million keys in memory; and what a key takes.

    python bench/credential.py [--keys 1000000] [--batches 2000] [--rounds 5] [--print]

A program of its own (native/crates/server/examples/credential.rs), built as the wheels are and pinned to a core, calls the
core's two phases as a data thread does. Each call comes with another key, so that misses of the caches count; tokens are
there, as they are for all but one call per identity and renewal. It has the allocator of a node, and huge pages as a node
has them in the production profile; without them, as in the embedded one, it is measured too. The figures are medians of
rounds. What a key takes of a whole node is told by bench/apply.py. `--print`: print, and publish nothing.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from peers.build import NATIVE, PROFILE, PROJECT, require
from peers.process import PROXY_CORE, pinned
from report import Figure, publish

from portazgo.kit.memory import without_huge_pages

# The targets of issue 6.
CALL_US, FURTHER_KEY_BYTES = 1.5, 300.0
FEW = 10_000
PROGRAM = NATIVE / "target" / "dist" / "examples" / "credential"
BUILD = ("build", *PROFILE, "--package", "portazgo-server", "--example", "credential")

Told = Mapping[str, Any]


def main() -> int:
    """Measure and publish."""
    arguments = _arguments()
    require("taskset")
    subprocess.run([str(PROJECT / "scripts" / "cargo-like-maturin"), *BUILD], check=True, cwd=PROJECT)
    few, many, many_embedded = [], [], []
    for _ in range(arguments.rounds):
        few.append(_run(FEW, arguments.batches))
        many.append(_run(arguments.keys, arguments.batches))
        many_embedded.append(_run(arguments.keys, arguments.batches, embedded=True))
    figures = _figures(few, many, many_embedded, arguments.keys)
    if arguments.print:
        print(json.dumps([(one.name, round(one.value, 3), one.unit, one.met) for one in figures], indent=1))
        return 0
    return publish("credential", figures, keys=arguments.keys, few=few, many=many, many_embedded=many_embedded)


def _run(keys: int, batches: int, *, embedded: bool = False) -> Told:
    command = pinned(PROXY_CORE, [str(PROGRAM), str(keys), str(batches)])
    before = without_huge_pages if embedded else None
    done = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=before)
    told: Told = json.loads(done.stdout)
    return told


def _figures(few: Sequence[Told], many: Sequence[Told], many_embedded: Sequence[Told], keys: int) -> list[Figure]:
    further = [(more["held_bytes"] - less["held_bytes"]) / (keys - FEW) for less, more in zip(few, many, strict=True)]
    return [
        Figure(f"authenticate + credential, {keys:,} keys in play", _call_us(many, "all"), "µs", CALL_US),
        Figure("of it authenticate", _phase_us(many, "all", "authenticate"), "µs"),
        Figure("of it credential", _phase_us(many, "all", "credential"), "µs"),
        Figure("the same without huge pages (embedded profile)", _call_us(many_embedded, "all"), "µs"),
        Figure(f"authenticate + credential, {keys:,} keys, one in play", _call_us(many, "one"), "µs"),
        Figure(f"authenticate + credential, {FEW:,} keys in play", _call_us(few, "all"), "µs"),
        Figure("a further key, bytes asked for in the core", median(further), "bytes", FURTHER_KEY_BYTES),
    ]


def _call_us(rounds: Sequence[Told], play: str) -> float:
    return median(float(one[play]["authenticate_ns"] + one[play]["credential_ns"]) / 1000 for one in rounds)


def _phase_us(rounds: Sequence[Told], play: str, phase: str) -> float:
    return median(float(one[play][f"{phase}_ns"]) / 1000 for one in rounds)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What proving a key and finding the backend's token cost a request.")
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--batches", type=int, default=2_000, help="of 256 calls, in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--print", action="store_true", help="publish nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
