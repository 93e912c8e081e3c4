"""How many instructions a request costs in the core, by phase: a steady figure where times are not (valgrind's callgrind).

`python scripts/instructions.py` builds `native/crates/core/examples/instructions.rs`, counts, and compares with
`bench/instructions.json`; it exits 1 when a request costs 5 % more than there. `--renew` writes that file.

What is counted is the difference between a short and a long run, so that starting costs nothing. The figure holds for one
compiler, one set of packages and the processor that valgrind shows to the program: the baseline names them, and a
comparison with another is refused. Seeds of hash tables move it by less than a thousandth.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
NATIVE = PROJECT / "native"
BASELINE = PROJECT / "bench" / "instructions.json"
PROGRAM = NATIVE / "target" / "release" / "examples" / "instructions"
BUILD = ("build", "--workspace", "--release", "--locked", "--quiet", "--example", "instructions")
PROFILE = "release"
CRATE = "portazgo-core"
# Each key of the program is used once before, and equally often between the two counts.
SHORT, LONG = 512, 512 * 9
MOST_GROWTH = 0.05
PHASES = (
    "framing",
    "route",
    "authenticate",
    "authorize",
    "limit",
    "transform_request",
    "credential",
    "transform_response",
    "record",
)
PHASE = re.compile(rf"phase_({'|'.join(PHASES)})")
RENEW = "Run `make instructions-baseline`, look at what it changes, and commit it with your change."


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a count depends on beside the code."""

    rustc: str
    packages: str
    profile: str
    processor: str


@dataclass(frozen=True, slots=True)
class Count:
    """Instructions of one request: in all, and of each phase."""

    request: int
    phases: dict[str, int]


def conditions(processor: str) -> Conditions:
    """Say under what is counted; `packages` is a digest of what the core is built from, as Cargo.lock has it."""
    command = [shutil.which("rustc") or "rustc", "--version"]
    rustc = subprocess.run(command, cwd=NATIVE, check=True, capture_output=True, text=True).stdout
    packages = digest_of_packages((NATIVE / "Cargo.lock").read_text(), CRATE)
    return Conditions(rustc.strip(), packages, PROFILE, processor)


def digest_of_packages(lock: str, crate: str) -> str:
    """Hash the locked entries of a crate and of all that it needs; what other crates need changes nothing."""
    entries = tomllib.loads(lock)["package"]
    wanted, reached = [crate], set()
    while wanted:
        name = wanted.pop()
        if name not in reached:
            reached.add(name)
            # `name`, or `name version` where there are several.
            found = (entry.get("dependencies", ()) for entry in entries if entry["name"] == name)
            wanted += [needed.split(" ")[0] for dependencies in found for needed in dependencies]
    kept = sorted(
        (entry["name"], entry["version"], entry.get("checksum", "")) for entry in entries if entry["name"] in reached
    )
    return sha256(json.dumps(kept).encode()).hexdigest()[:16]


def count_instructions() -> tuple[Count, str]:
    """Build, run twice, subtract. Returns the count, and the features of the processor that the program was shown."""
    subprocess.run([PROJECT / "scripts" / "cargo-like-maturin", *BUILD], cwd=PROJECT, check=True)
    with tempfile.TemporaryDirectory(prefix="portazgo-instructions-") as folder:
        (short, processor), (long, _) = (_run(Path(folder), number) for number in (SHORT, LONG))
    requests = LONG - SHORT
    spent = {name: round((long[name] - short[name]) / requests) for name in long}
    return Count(spent.pop("serve"), {name: spent[name] for name in PHASES}), processor


def _run(folder: Path, requests: int) -> tuple[dict[str, int], str]:
    output = folder / f"{requests}.callgrind"
    callgrind = ["valgrind", "--quiet", "--tool=callgrind", "--demangle=no", "--compress-strings=no"]
    command = [*callgrind, f"--callgrind-out-file={output}", str(PROGRAM), str(requests)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return inclusive(output.read_text().splitlines()), done.stdout.strip()


def inclusive(profile: list[str]) -> dict[str, int]:
    """Add up what calls of `serve`, and calls of phases from there, cost with all that they call."""
    costs: dict[str, int] = {}
    for caller, callee, cost in _calls(profile):
        if caller.endswith("serve") or "5serve" in caller:
            if phase := PHASE.search(callee):
                costs[phase[1]] = costs.get(phase[1], 0) + cost
        elif "5serve" in callee:
            costs["serve"] = costs.get("serve", 0) + cost
    return costs


def _calls(profile: list[str]) -> Iterator[tuple[str, str, int]]:
    caller = callee = ""
    lines = iter(profile)
    for line in lines:
        if line.startswith("fn="):
            caller = line
        elif line.startswith("cfn="):
            callee = line
        elif line.startswith("calls="):
            yield caller, callee, int(next(lines).split()[1])


def judge(baseline: dict[str, Any], count: Count, now: Conditions) -> tuple[str, bool]:
    """Compare with the baseline: what to print, and whether it passes."""
    before = Conditions(**baseline["conditions"])
    if before != now:
        there, here = asdict(before), asdict(now)
        changed = [f"  {name}: {there[name]} → {here[name]}" for name in there if there[name] != here[name]]
        return "\n".join(["The baseline was counted under other conditions:", *changed, RENEW]), False
    growth = count.request / baseline["request"] - 1
    lines = [_line(name, baseline["phases"].get(name, 0), number) for name, number in count.phases.items()]
    lines.append(_line("a request", baseline["request"], count.request))
    costs_more = count.request > baseline["request"] * (1 + MOST_GROWTH)
    if costs_more:
        lines += [f"A request costs {growth:.1%} more than the baseline; {MOST_GROWTH:.0%} is the limit.", RENEW]
    elif growth < -MOST_GROWTH:
        lines += [f"A request costs {-growth:.1%} less than the baseline, which no longer guards that.", RENEW]
    return "\n".join(lines), not costs_more


def _line(name: str, before: int, now: int) -> str:
    change = f"{now / before - 1:+.1%}" if before else "new"
    return f"  {name:20s} {now:7,d} instructions  {change:>7s}"


def main(arguments: list[str]) -> int:
    """Count and compare, or renew the baseline. Returns the exit code."""
    count, processor = count_instructions()
    now = conditions(processor)
    if arguments == ["--renew"]:
        BASELINE.write_text(json.dumps({"conditions": asdict(now), **asdict(count)}, indent=2) + "\n")
        print(f"{count.request:,} instructions a request, written to {BASELINE.relative_to(PROJECT)}")
        return 0
    told, passes = judge(json.loads(BASELINE.read_text()), count, now)
    print(told)
    return 0 if passes else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
