"""How long a revocation takes until the last node has proven it: three nodes, a real control plane, each key once.

    python bench/revocation.py [--revocations 200] [--state sqlite|collecting|postgresql] [--per-second 30000] [--print]

A revocation is measured from the moment the order is sent to the receipt of the last node, by one clock: nodes, control
plane and who orders are on one machine. Three runs: on SQLite; on SQLite while so many usage records a second are
collected, from segments that the journal's own writer made ahead; on PostgreSQL. At the end every node is called with
keys that were revoked. `--state`: one of the runs. `--print`: print, and publish nothing; so it is with one run alone.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from busy_nodes import handing_in, make_segments
from control_plane import ControlPlane, processor_seconds
from report import Figure, publish, quantile
from support.node import ExtraNode
from support.postgresql import PostgreSQLServer

NODES = 3
# The targets of issue 5. The bound is max(10 s, max_staleness), with the lease that the nodes are given.
P99_MS, BOUND_MS = 500.0, 10_000.0
LEASE = "10s"
RUNS = ("sqlite", "collecting", "postgresql")
KNOWN_SECONDS, PROVEN_SECONDS = 60.0, 60.0
LOOK_SECONDS = 0.02
LONGEST_PAUSE_SECONDS = 0.1
CHECKED = 10
WHOAMI, REFUSED = "/.well-known/portazgo/whoami", 401
# A revocation and the pause after it, generously: segments must not run out.
SECONDS_EACH, FURTHER_SECONDS = 0.25, 10


@dataclass(frozen=True, slots=True)
class Revocation:
    """One, in milliseconds from the sending of the order."""

    answered: float
    proven: float
    """The last node's receipt."""


@dataclass(slots=True)
class Outcome:
    """What a run found."""

    revocations: list[Revocation]
    processor_share: float
    """What the control plane computed, of one core."""
    collected: dict[str, Any] = field(default_factory=dict)


def main() -> int:
    """Measure and publish."""
    arguments = _arguments()
    runs = [arguments.state] if arguments.state else list(RUNS)
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    for name in runs:
        with tempfile.TemporaryDirectory(prefix="portazgo-bench-") as folder:
            outcome = _run(name, Path(folder), arguments.revocations, arguments.per_second)
        figures += _figures(name, outcome, arguments.per_second)
        details[name] = {
            "answered_ms": [round(one.answered, 1) for one in outcome.revocations],
            "proven_ms": [round(one.proven, 1) for one in outcome.revocations],
            "collected": outcome.collected,
        }
    if arguments.print or len(runs) < len(RUNS):
        print(json.dumps([(one.name, round(one.value, 3), one.unit, one.met) for one in figures], indent=1))
        return 0 if all(one.met for one in figures) else 1
    return publish("revocation", figures, nodes=NODES, revocations=arguments.revocations, **details)


def _figures(name: str, outcome: Outcome, per_second: int) -> Iterator[Figure]:
    title = {
        "sqlite": "SQLite",
        "collecting": f"SQLite, {per_second:,} records/s collected",
        "postgresql": "PostgreSQL",
    }[name]
    proven = [one.proven for one in outcome.revocations]
    yield Figure(f"{title}: order to last receipt, p50", quantile(proven, 0.5), "ms")
    yield Figure(f"{title}: order to last receipt, p99", quantile(proven, 0.99), "ms", P99_MS)
    yield Figure(f"{title}: order to last receipt, slowest of {len(proven)}", max(proven), "ms", BOUND_MS)
    yield Figure(f"{title}: order to answer, p50", quantile([one.answered for one in outcome.revocations], 0.5), "ms")
    if outcome.collected:
        reached = outcome.collected["per_second"]
        yield Figure("collected meanwhile", reached, "records/s")
        yield Figure("short of the rate", max(0.0, 1 - reached / per_second) * 100, "%", 5)
        yield Figure("sealed to acknowledged, slowest", outcome.collected["behind_seconds"], "s")
    yield Figure(f"{title}: the control plane computes, of a core", outcome.processor_share * 100, "%")


def _run(name: str, folder: Path, revocations: int, per_second: int) -> Outcome:
    with ExitStack() as stack:
        control = stack.enter_context(_control_plane(name, folder / "control", stack))
        nodes = [ExtraNode(control, folder / f"node-{number}") for number in range(NODES)]
        for node in nodes:
            stack.callback(node.stop)
            node.start()
        keys = _keys(control, revocations)
        _await_news(control)
        if name == "collecting":
            each = per_second // NODES
            count = each * int(revocations * SECONDS_EACH + FURTHER_SECONDS)
            folders = make_segments(folder / "segments", NODES, count, each)
            with handing_in(control, per_second, folders) as shipping:
                outcome = _measure(control, nodes, keys)
                outcome.collected = shipping.end()
        else:
            outcome = _measure(control, nodes, keys)
        _require_dead(nodes, keys)
        return outcome


def _control_plane(name: str, folder: Path, stack: ExitStack) -> ControlPlane:
    if name != "postgresql":
        return ControlPlane(folder, PORTAZGO_REVOCATION_MAX_STALENESS=LEASE)
    server = PostgreSQLServer(fsync=True)
    stack.callback(server.stop)
    server.start()
    return ControlPlane(folder, PORTAZGO_REVOCATION_MAX_STALENESS=LEASE, PORTAZGO_STATE_URL=server.url)


def _keys(control: ControlPlane, count: int) -> dict[str, str]:
    """Make so many keys. Returns the whole keys by kid."""
    admin = control.admin
    partner = admin.post("/partners", {"name": "company"})["id"]
    wanted = {"partner": partner, "name": "orders", "environment": "live"}
    application = admin.post("/applications", wanted)["id"]
    made = [admin.post(f"/applications/{application}/keys", {"name": f"key-{number}"}) for number in range(count)]
    return {key["kid"]: key["api_key"] for key in made}


def _await_news(control: ControlPlane) -> None:
    def known() -> bool:
        nodes = control.admin.get("/nodes", {"limit": 50})["items"]
        return len(nodes) == NODES and all(node["current"] for node in nodes)

    control.wait_for(known, "the keys at all nodes", KNOWN_SECONDS)


def _measure(control: ControlPlane, nodes: Sequence[ExtraNode], keys: Mapping[str, str]) -> Outcome:
    ids = {node.node_id for node in nodes}
    pid = control.processes["control"].pid
    pauses = random.Random(1)  # noqa: S311 - the same in each run; so that no order falls in step with polls
    before, began = processor_seconds(pid), time.monotonic()
    revoked = []
    for kid in keys:
        revoked.append(_revoke(control, kid, ids))
        time.sleep(pauses.uniform(0, LONGEST_PAUSE_SECONDS))
    share = (processor_seconds(pid) - before) / (time.monotonic() - began)
    return Outcome(revoked, share)


def _revoke(control: ControlPlane, kid: str, nodes: set[str]) -> Revocation:
    sent = time.time()
    control.admin.post(f"/keys/{kid}/revoke")
    answered = time.time()
    deadline = answered + PROVEN_SECONDS
    while True:
        told = control.admin.get(f"/keys/{kid}/propagation")
        confirmed = [_seconds(one["at"]) for one in told["nodes"] if one["state"] == "confirmed"]
        if told["proven"] and len(confirmed) == len(nodes) == len(told["nodes"]):
            return Revocation((answered - sent) * 1000, (max(confirmed) - sent) * 1000)
        if time.time() > deadline:
            raise TimeoutError(f"{kid} is not proven dead after {PROVEN_SECONDS:.0f} s: {told['nodes']}")
        time.sleep(LOOK_SECONDS)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _require_dead(nodes: Sequence[ExtraNode], keys: Mapping[str, str]) -> None:
    """A proof is worth something only where it is true."""
    for whole in [*keys.values()][:: max(1, len(keys) // CHECKED)]:
        for node in nodes:
            if node.call(whole, WHOAMI)[0] != REFUSED:
                raise RuntimeError("a key that was proven dead is not")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How long a revocation takes until the last node has proven it.")
    parser.add_argument("--revocations", type=int, default=200)
    parser.add_argument("--state", choices=RUNS, help="this run alone, printed")
    parser.add_argument("--per-second", type=int, default=30_000, help="records to be collected meanwhile")
    parser.add_argument("--print", action="store_true", help="publish nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
