"""Writes what was measured into docs/how-fast.md: the part between the two marks, from the results that are committed.

`python bench/peers/how_fast.py [--check]`; with `--check` it exits 1 when the page is stale.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[2]
PAGE = PROJECT / "docs" / "how-fast.md"
RESULTS = PROJECT / "bench" / "results" / "data_plane.json"
INSTRUCTIONS = PROJECT / "bench" / "instructions.json"
BEGIN, END = "<!-- measured: written by bench/peers/how_fast.py -->", "<!-- end of what was measured -->"
THREE_DIGITS = 100


def page(text: str, measured: str) -> str:
    """Put what was measured between the marks of a page."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{measured}\n{END}{after}"


def measured(results: dict[str, Any], instructions: dict[str, Any]) -> str:
    """Tell a run: where, every contender, what was promised, and what each phase costs in the core."""
    parts = [_where(results), *_contenders(results), "", *_promises(results), "", *_phases(instructions)]
    return "\n".join(parts) + "\n"


def _where(results: dict[str, Any]) -> str:
    host = results["machine"]
    details = results["details"]
    place = f"{host['cores']} × {host['processor']}, {host['memory_gb']} GB, Linux {host['kernel']}"
    rounds = f"{details['rounds']} rounds of {details['seconds']:g} s, {results['measured_at']}, Portazgo at {host['commit']}"
    foreign = max(row["foreign"] for row in details["table"])
    return f"{place}; {rounds}. Others used at most {foreign:.0%} of the contender's core in any sample.\n"


def _contenders(results: dict[str, Any]) -> Iterator[str]:
    closed = "| contender | does | CPU µs per call (from – to) | calls/s | p50 µs | p99 µs "
    yield closed + "| at 30 %: CPU µs | added p50 µs | added p99 µs |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in results["details"]["table"]:
        cpu = f"**{row['cpu_us']:.1f}** ({row['cpu_us_from']:.1f} – {row['cpu_us_to']:.1f})"
        at_rest = row.get("open")
        rest = (
            f"{at_rest['cpu_us']:.1f} | {at_rest['added_p50_us']} | {at_rest['added_p99_us']}"
            if at_rest
            else "– | – | –"
        )
        speed = f"{row['rate']:,} | {row['p50_us']} | {row['p99_us']}"
        yield f"| {row['contender']} | {row['does']} | {cpu} | {speed} | {rest} |"


def _promises(results: dict[str, Any]) -> Iterator[str]:
    yield "| figure | value | target |"
    yield "|---|---|---|"
    for figure in results["figures"]:
        target = "–"
        if figure["at_most"] is not None:
            target = f"≤ {_told(figure['at_most'])}: {'met' if figure['met'] else 'MISSED'}"
        yield f"| {figure['name']} | {_told(figure['value'])} {figure['unit']} | {target} |"


def _phases(instructions: dict[str, Any]) -> Iterator[str]:
    total = instructions["request"]
    yield f"In the core alone a request takes {total:,} instructions:"
    yield ""
    yield "| phase | instructions | share |"
    yield "|---|---|---|"
    for name, number in instructions["phases"].items():
        yield f"| {name} | {number:,} | {number / total:.0%} |"


def _told(value: float) -> str:
    return f"{value:.3g}" if abs(value) < THREE_DIGITS else f"{value:.0f}"


def main(arguments: list[str]) -> int:
    """Write or check. Returns the exit code."""
    text = PAGE.read_text("utf-8")
    fresh = page(text, measured(json.loads(RESULTS.read_text()), json.loads(INSTRUCTIONS.read_text())))
    if arguments == ["--check"]:
        if text != fresh:
            print(f"{PAGE.relative_to(PROJECT)} is stale: run `python bench/peers/how_fast.py`")
        return int(text != fresh)
    PAGE.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
