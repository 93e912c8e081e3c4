"""Draws docs/how-fast.svg from the committed results: processor time per call, what a user sees first, cheapest first.

Run with the benchmarks' own environment, which has matplotlib (requirements/bench.txt).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt

PROJECT = Path(__file__).resolve().parents[2]
RESULTS = PROJECT / "bench" / "results" / "data_plane.json"
CHART = PROJECT / "docs" / "how-fast.svg"
SHOWN = (
    "byte pump",
    "nginx",
    "hyper",
    "HAProxy",
    "hyper, policy",
    "nginx, policy",
    "Portazgo",
    "Envoy",
    "Envoy, module",
    "Envoy, policy",
)
OURS, POLICY, BARE = "#0b6e4f", "#4a6fa5", "#b8bfc8"
INK, GRID = "#222222", "#e3e6ea"


def colour(name: str) -> str:
    """Give a bar's colour: ours, with a gateway's policy, or without."""
    if name == "Portazgo":
        return OURS
    return POLICY if "," in name else BARE


def draw(rows: list[dict[str, Any]], told: str) -> None:
    """Draw horizontal bars, each with its value and the range over the rounds."""
    rows = sorted((row for row in rows if row["contender"] in SHOWN), key=lambda row: row["cpu_us"], reverse=True)
    names = [row["contender"] for row in rows]
    values = [row["cpu_us"] for row in rows]
    spread = [
        [row["cpu_us"] - row["cpu_us_from"] for row in rows],
        [row["cpu_us_to"] - row["cpu_us"] for row in rows],
    ]
    figure, axes = plt.subplots(figsize=(8.6, 0.42 * len(rows) + 1.7), layout="constrained")
    bars = axes.barh(names, values, xerr=spread, color=[colour(name) for name in names], height=0.68)
    bars.errorbar.lines[2][0].set_color(INK)
    for bar, value, above in zip(bars, values, spread[1], strict=True):
        axes.text(value + above + max(values) * 0.012, bar.get_y() + bar.get_height() / 2, f"{value:.1f}", va="center")
    axes.set_xlim(0, max(row["cpu_us_to"] for row in rows) * 1.1)
    axes.set_xlabel(f"processor time per call, µs: median and range\n{told}", color=INK, fontsize=9)
    axes.grid(axis="x", color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    legend = [plt.Rectangle((0, 0), 1, 1, color=shade) for shade in (OURS, POLICY, BARE)]
    axes.legend(legend, ["Portazgo, all duties", "with a gateway's policy", "reverse proxy only"], frameon=False)
    axes.set_title("What one call costs on one core", loc="left", color=INK, fontweight="bold")
    figure.savefig(CHART, metadata={"Date": None})


def main() -> int:
    """Draw. The same results give the same bytes."""
    results = json.loads(RESULTS.read_text())
    mpl.rcParams.update({"svg.hashsalt": "portazgo", "font.family": "sans-serif", "font.size": 10})
    host, details = results["machine"], results["details"]
    place = f"{host['processor']}, {results['measured_at'][:10]}"
    told = f"32 keep-alive connections, one core full; {details['rounds']} rounds; {place}"
    draw(details["table"], told)
    return 0


if __name__ == "__main__":
    sys.exit(main())
