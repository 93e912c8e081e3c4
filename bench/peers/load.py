"""Load: our own generator for HTTP/1.1 (c/load.c), h2load where TLS or HTTP/2 is measured. Both run beside the origin."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peers.process import LOAD_CORE, pinned

CONNECTIONS = 32
OPEN_LOOP_CONNECTIONS = 64
PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Load:
    """How a contender is called. `h2load`: its options, and then one key only.

    `path`, and a file with a body of JSON, count where it is called so often, not so long.
    """

    requests: int = 10_000
    body_bytes: int = 0
    h2load: Sequence[str] = field(default=())
    tls: bool = False
    path: str | None = None
    body: Path | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a load; latencies in microseconds."""

    requests: int
    rate: float
    wrong: int
    p50_us: float
    p99_us: float
    most_us: float
    longest_gap_us: float | None = None
    """The longest time in which no call was answered; None: not told (h2load)."""


def run(
    program: Path, load: Load, port: int, keys: Path, seconds: float, rate: float = 0, calls: int | None = None
) -> Outcome:
    """Call a port for so long, or so often; a rate makes it an open loop (neither with h2load)."""
    if load.h2load:
        return _h2load(load, port, keys, seconds)
    connections = OPEN_LOOP_CONNECTIONS if rate else CONNECTIONS
    more = [str(value) for value in (calls, load.path, load.body) if value is not None]
    numbers = (load.requests, load.body_bytes, connections, seconds, rate, *more)
    told = json.loads(_on_core([str(program), str(port), str(keys), *(str(number) for number in numbers)], seconds))
    wrong = told["not_2xx"] + told["broken"] + told["left_over"]
    latencies = (told["p50_us"], told["p99_us"], told["most_us"])
    return Outcome(told["requests"], told["rate"], wrong, *latencies, told["longest_gap_us"])


def _h2load(load: Load, port: int, keys: Path, seconds: float) -> Outcome:
    with keys.open() as file:
        key = file.readline().strip()
    log = keys.parent / "h2load.log"
    log.unlink(missing_ok=True)
    url = f"{'https' if load.tls else 'http'}://127.0.0.1:{port}/v1/orders/12345?expand=items"
    # Whole seconds: h2load takes no others.
    command = [
        "h2load",
        "-t1",
        *load.h2load,
        "-D",
        str(round(seconds)),
        f"--log-file={log}",
        "-H",
        f"x-api-key: {key}",
        url,
    ]
    told = _on_core(command, seconds)
    requests = int(_found(r"requests: \d+ total, \d+ started, (\d+) done", told))
    good = int(_found(r"status codes: (\d+) 2xx", told))
    latencies = sorted(int(line.split("\t")[2]) for line in log.read_text().splitlines())
    p50, p99 = (latencies[int((len(latencies) - 1) * part)] for part in (0.5, 0.99))
    return Outcome(requests, requests / round(seconds), requests - good, p50, p99, latencies[-1])


def _found(pattern: str, text: str) -> Any:
    found = re.search(pattern, text)
    if found is None:
        raise RuntimeError(f"h2load said something else:\n{text}")
    return found[1]


def _on_core(command: Sequence[str], seconds: float) -> str:
    return subprocess.run(
        pinned(LOAD_CORE, command), check=True, capture_output=True, text=True, timeout=seconds + PATIENCE_SECONDS
    ).stdout
