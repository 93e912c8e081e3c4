"""What a million keys cost a node: to load, to change one thing, in memory, and per call.

    python bench/apply.py [--keys 1000000] [--changes 25] [--rounds 5] [--print]

The node is the real one (`portazgo gateway`), built as its wheels are, with one data thread on a core of its own. It follows
a feed that hands it one change at a time while clients call (peers/feed.py). `--print`: print, and publish nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any
from urllib.request import urlopen

from peers import load
from peers.arena import Arena
from peers.build import PLACE, build
from peers.contenders import Contender, Place, Start, all_contenders
from peers.deployment import FEW, MANY, SNAPSHOT_FILE, Variant
from peers.feed import Feed
from peers.load import Load
from report import Figure, publish, quantile

from portazgo.roles.ports import answers
from portazgo.snapshot.wire import Kind, Resource

# The targets of issue 5. A change may wait for the data thread's turn: its slowest is told without a target.
APPLY_MS, FURTHER_KEY_BYTES, CPU_RATIO = 5.0, 300.0, 1.10
# What clients may notice beyond what they notice without any change.
PAUSE_MS = 10.0
CHANGES_PER_SECOND = 10
# Clients call with each fifth key, and none of the others.
EACH = 5
MOST_VICTIMS = 1_000
READY_SECONDS, SETTLE_SECONDS, ALL_CALLED_SECONDS = 120.0, 3.0, 600.0
SAMPLE_SECONDS = 2.0
SUM, COUNT = "portazgo_snapshot_apply_seconds_sum", "portazgo_snapshot_apply_seconds_count"


def main() -> int:
    """Measure and publish."""
    arguments = _arguments()
    tools = build(with_peers=False)
    with tempfile.TemporaryDirectory(prefix="run-", dir=PLACE) as folder, Arena(Path(folder), tools) as arena:
        figures, details = measure(arena, arguments.keys, arguments.changes, arguments.rounds)
    if arguments.print:
        print(json.dumps([(one.name, round(one.value, 3), one.unit, one.met) for one in figures], indent=1))
        return 0
    return publish("apply", figures, **details)


def measure(arena: Arena, keys: int, changes: int, rounds: int) -> tuple[list[Figure], dict[str, Any]]:
    """Measure all that this benchmark tells. Returns figures, and the samples behind them."""
    few = next(one for one in all_contenders() if one.name == "Portazgo")
    many = replace(few, name=f"Portazgo, {keys:,} keys", variant=Variant(keys=keys))
    applied = _under_change(arena, many, changes)
    memory = {name: _memory(arena, one) for name, one in (("few", few), ("many", many))}
    further = [(many_bytes - few_bytes) / (keys - FEW) for few_bytes, many_bytes in zip(*memory.values(), strict=True)]
    ratios = list(_ratios(arena, few, many, rounds))
    figures = [
        Figure(f"first load of {keys:,} keys, until the receipt", applied.load_seconds, "s"),
        *_apply_figures(applied),
        Figure("a further key, at rest", further[0], "bytes", FURTHER_KEY_BYTES),
        Figure("a further key, when all have called", further[1], "bytes", FURTHER_KEY_BYTES),
        Figure(f"CPU per call, {keys:,} keys ÷ {FEW:,}, each fifth in play", median(ratios), "×", CPU_RATIO),
    ]
    details = {
        "keys": keys,
        "apply_ms": {name: [round(value, 3) for value in values] for name, values in applied.apply_ms.items()},
        "receipt_ms": {name: [round(value, 1) for value in values] for name, values in applied.receipt_ms.items()},
        "resident_bytes": memory,
        "cpu_ratios": [round(ratio, 3) for ratio in ratios],
    }
    return figures, details


@dataclass(slots=True)
class Applied:
    """What came of the changes under load."""

    load_seconds: float
    apply_ms: dict[str, list[float]]
    """As the node measures it, by kind of change."""
    receipt_ms: dict[str, list[float]]
    """From the change's being there to its receipt."""
    undisturbed: load.Outcome
    disturbed: load.Outcome


def _apply_figures(applied: Applied) -> Iterator[Figure]:
    for name, values in applied.apply_ms.items():
        yield Figure(f"{name}: applied, median", median(values), "ms", APPLY_MS)
        yield Figure(f"{name}: applied, slowest of {len(values)}", max(values), "ms")
    receipts = [value for values in applied.receipt_ms.values() for value in values]
    yield Figure("any of them: from the feed to the receipt, median", median(receipts), "ms")
    yield Figure("any of them: from the feed to the receipt, p99", quantile(receipts, 0.99), "ms")
    gaps = [outcome.longest_gap_us or 0.0 for outcome in (applied.undisturbed, applied.disturbed)]
    yield Figure("longest time without an answer, no changes", gaps[0] / 1000, "ms")
    yield Figure("longest time without an answer, 10 changes/s", gaps[1] / 1000, "ms", gaps[0] / 1000 + PAUSE_MS)
    yield Figure("p99 of calls, no changes", applied.undisturbed.p99_us / 1000, "ms")
    yield Figure("p99 of calls, 10 changes/s", applied.disturbed.p99_us / 1000, "ms")
    yield Figure("calls that went wrong, 10 changes/s", applied.disturbed.wrong, "calls", 0)


def _under_change(arena: Arena, contender: Contender, rounds: int) -> Applied:
    with _following(arena, contender) as (feed, place, load_seconds):
        world = _World.read(feed.snapshot)
        changes = world.changes()
        seconds = rounds * len(changes) / CHANGES_PER_SECOND
        run = _calling(arena, contender.variant.keys // EACH, place)
        run(SAMPLE_SECONDS)
        undisturbed = run(seconds)
        applied = Applied(
            load_seconds, {name: [] for name in changes}, {name: [] for name in changes}, *[undisturbed] * 2
        )
        with ThreadPoolExecutor(1) as clients:
            # A little longer than the changes take: the last one is under load too.
            calling = clients.submit(run, seconds * 1.2 + 2)
            time.sleep(1)
            for number in range(rounds):
                for name, change in changes.items():
                    time.sleep(1 / CHANGES_PER_SECOND)
                    apply_ms, receipt_ms = _one(feed, place, *change(number))
                    applied.apply_ms[name].append(apply_ms)
                    applied.receipt_ms[name].append(receipt_ms)
            applied.disturbed = calling.result()
        return applied


def _calling(arena: Arena, keys: int, place: Place) -> Callable[[float], load.Outcome]:
    """Give what calls for so many seconds, each time with another of so many keys."""
    return lambda seconds: load.run(arena.tools.load, Load(requests=keys), place.port, place.keys, seconds)


def _one(feed: Feed, place: Place, put: Resource, revoked: str | None) -> tuple[float, float]:
    before = _applies(place)
    receipt = feed.change([put], revoked)
    after = _applies(place)
    if after[1] != before[1] + 1:
        raise RuntimeError(f"one change was applied {after[1] - before[1]:.0f} times")
    return (after[0] - before[0]) * 1000, receipt * 1000


def _applies(place: Place) -> tuple[float, float]:
    """Read the node's own measure: seconds of all revisions, and how many they were."""
    with urlopen(f"http://127.0.0.1:{place.admin_port}/metrics", timeout=10) as page:
        lines = dict(line.rsplit(" ", 1) for line in page.read().decode().splitlines() if not line.startswith("#"))
    return float(lines[SUM]), float(lines[COUNT])


@contextmanager
def _following(arena: Arena, contender: Contender) -> Iterator[tuple[Feed, Place, float]]:
    """Start a node that follows a feed, and wait until it serves. Gives the feed, the place and the seconds of its load."""
    feeds: list[Feed] = []

    def start(place: Place) -> Start:
        feeds.append(Feed(place.data / SNAPSHOT_FILE).__enter__())
        token = place.folder / "token"
        token.write_text("ptzn_of_a_benchmark\n")
        start = contender.start(place)
        environment = {
            **start.environment,
            "PORTAZGO_INTERNAL_URL": feeds[0].url,
            "PORTAZGO_NODE_TOKEN_FILE": str(token),
        }
        # Without the snapshot file: the feed has it.
        return replace(start, command=start.command[: start.command.index("--snapshot")], environment=environment)

    try:
        with arena.started(replace(contender, start=start), arena.origin_port) as (_, place):
            feeds[0].await_receipt(READY_SECONDS)
            took = time.monotonic() - feeds[0].asked_at
            if not answers(f"http://127.0.0.1:{place.admin_port}/health/ready"):
                raise RuntimeError("the node has confirmed its snapshot and is not ready")
            yield feeds[0], place, took
    finally:
        for feed in feeds:
            feed.__exit__()


@dataclass(frozen=True, slots=True)
class _World:
    """What of the snapshot is changed."""

    key: Mapping[str, Any]
    route: Mapping[str, Any]
    backend: Mapping[str, Any]
    victims: list[str]
    """Kids that no client calls with."""

    @classmethod
    def read(cls, path: Path) -> _World:
        found: dict[str, Mapping[str, Any]] = {}
        victims: list[str] = []
        keys = 0
        with path.open() as file:
            for line in file:
                if '"kind":"key"' in line:
                    if keys % EACH == 1 and len(victims) < MOST_VICTIMS:
                        victims.append(json.loads(line)["id"])
                    keys += 1
                    if "key" in found:
                        continue
                document = json.loads(line)
                if "kind" in document:
                    found[document["kind"]] = document
        return cls(found["key"], found["route"], found["backend"], victims)

    def changes(self) -> dict[str, Callable[[int], tuple[Resource, str | None]]]:
        """Give by name what is changed, the n-th time."""
        return {
            "a key is revoked": self._revoke,
            "a key is created": self._create,
            "a route is changed": self._change_route,
            "a target is changed": self._change_target,
        }

    def _revoke(self, number: int) -> tuple[Resource, str | None]:
        kid = self.victims[number]
        return _resource("key", kid, {**self.key["body"], "status": "revoked"}), kid

    def _create(self, number: int) -> tuple[Resource, str | None]:
        return _resource("key", f"Created{number:03}", self.key["body"]), None

    def _change_route(self, number: int) -> tuple[Resource, str | None]:
        body = {**self.route["body"], "max_request_bytes": (2 << 20) + number}
        return _resource("route", self.route["id"], body), None

    def _change_target(self, number: int) -> tuple[Resource, str | None]:
        live = self.backend["body"]["environments"]["live"]
        # The same place by another address. A name would have to be looked up, and that is no part of applying.
        addresses = ("[::ffff:127.0.0.1]", "127.0.0.1")
        targets = [target.replace(addresses[1], addresses[number % 2]) for target in live["targets"]]
        body = {**self.backend["body"], "environments": {"live": {**live, "targets": targets}}}
        return _resource("backend", self.backend["id"], body), None


def _resource(kind: Kind, identifier: str, body: Mapping[str, Any]) -> Resource:
    return Resource(kind, identifier, (), body)


def _memory(arena: Arena, contender: Contender) -> tuple[int, int]:
    """Give the resident bytes of a node that has just started, and after each of its keys has called."""
    with arena.started(contender, arena.origin_port) as (started, place):
        time.sleep(SETTLE_SECONDS)
        at_rest = started.resident_bytes()
        _call_with_all(arena, contender.variant.keys, place)
        time.sleep(SETTLE_SECONDS)
        return at_rest, started.resident_bytes()


def _call_with_all(arena: Arena, keys: int, place: Place) -> None:
    """Call once with each key, at least."""
    # What is under way at the end was sent and not answered.
    wanted = keys + load.CONNECTIONS
    outcome = load.run(arena.tools.load, Load(requests=keys), place.port, place.keys, ALL_CALLED_SECONDS, calls=wanted)
    if outcome.requests < wanted or outcome.wrong:
        raise RuntimeError(f"{outcome.requests} calls with {keys} keys, {outcome.wrong} of them wrong")


def _ratios(arena: Arena, few: Contender, many: Contender, rounds: int) -> Iterator[float]:
    for number in range(rounds):
        pair = [
            arena.sample(replace(one, load=Load(requests=max(FEW, one.variant.keys // EACH))), number, SAMPLE_SECONDS)
            for one in (few, many)
        ]
        yield pair[1].cpu_us / pair[0].cpu_us


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="What a million keys cost a node.")
    parser.add_argument("--keys", type=int, default=MANY)
    parser.add_argument("--changes", type=int, default=25, help="of each kind")
    parser.add_argument("--rounds", type=int, default=5, help="of the processor time per call")
    parser.add_argument("--print", action="store_true", help="publish nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
