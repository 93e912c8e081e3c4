"""How long a report over a month of many partners takes, from rollups: `python bench/usage.py [--partners 10000] [--print]`.

A month is filled by SQL, on SQLite and on PostgreSQL: each partner with three routes and three outcomes; at both ends of the
month six in ten of them call in any hour. Each report is asked for 40 times, of the function that the admin API calls.
`--print`: print, and publish nothing. It takes about four minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from report import Figure, publish, quantile
from support.postgresql import PostgreSQLServer

TIMES = 40
P95_MS = 200.0
PROGRAM = """
import json, sys
from pathlib import Path
from portazgo.control.boot import boot
from portazgo.settings import load
folder, url, partners, times = sys.argv[1], sys.argv[2] or None, int(sys.argv[3]), int(sys.argv[4])
boot(load({"data_dir": folder, "state_url": url}, environment={}, file=Path("absent.yaml")))
from portazgo.control.databases import migrate
from support.usage_ledger import fill, fill_month, measure, size
migrate()
filled = fill_month(partners)
print(json.dumps({"milliseconds": measure(filled, times), "rows": size()}))
"""
# What is promised; the others are told beside it.
PROMISED = ("month by partner", "one partner by day and route", "total by day")


def main() -> int:
    """Measure and publish."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--partners", type=int, default=10_000)
    parser.add_argument("--print", action="store_true")
    arguments = parser.parse_args()
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for name in ("SQLite", "PostgreSQL"):
        found = _on(name, arguments.partners)
        for report, milliseconds in found["milliseconds"].items():
            target = P95_MS if report.startswith(PROMISED) else None
            figures.append(Figure(f"{name}: {report}, p50", quantile(milliseconds, 0.5), "ms"))
            figures.append(Figure(f"{name}: {report}, p95", quantile(milliseconds, 0.95), "ms", target))
        figures.append(Figure(f"{name}: a folded row with its indexes", found["rows"]["bytes_a_row"], "bytes"))
        details[name] = found
    if arguments.print:
        sys.stdout.write(json.dumps([(one.name, round(one.value, 1), one.met) for one in figures], indent=1) + "\n")
        return 0 if all(one.met for one in figures) else 1
    return publish("usage", figures, partners=arguments.partners, **details)


def _on(name: str, partners: int) -> dict[str, Any]:
    server = PostgreSQLServer() if name == "PostgreSQL" else None
    with tempfile.TemporaryDirectory(prefix="portazgo-bench-") as folder:
        try:
            if server is not None:
                server.start()
            url = server.url if server is not None else ""
            command = [sys.executable, "-c", PROGRAM, folder, url, str(partners), str(TIMES)]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=1_800)
            found: dict[str, Any] = json.loads(done.stdout)
            return found
        finally:
            if server is not None:
                server.stop()


if __name__ == "__main__":
    sys.exit(main())
