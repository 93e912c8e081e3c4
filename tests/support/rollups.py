"""Sums of usage as the collector adds them, and the truth to compare reports with: the records, added up by hand."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connections, transaction
from django.db.migrations.executor import MigrationExecutor

from portazgo.usage.adding import add_fresh
from portazgo.usage.collector import LEDGER
from portazgo.usage.filling import unfilled
from portazgo.usage.periods import Period
from portazgo.usage.reading import add_up
from portazgo.usage.rollups import LEVELS, MEMBERS, MINUTE_US, SUMS, Grain, Level

FAULTS = (None, None, None, "throttled", "backend_5xx", "key_missing")


class Cut(Exception):
    """The worker ends here."""


@dataclass(frozen=True, slots=True)
class Call:
    """Some records of one minute, as the native module sums them up."""

    minute: int
    row: dict[str, Any]


def some_calls(chance: random.Random, since: int, until: int, count: int) -> list[Call]:
    """Make sums of a few partners' calls at random minutes."""
    return [_call(chance, chance.randrange(since, until)) for _ in range(count)]


def collect_calls(calls: Iterable[Call]) -> None:
    """Add them up as the collector does, in one transaction."""
    by_key: dict[tuple[Any, ...], dict[str, Any]] = {}
    for call in calls:
        key = (call.minute, *(call.row[name] for name in MEMBERS))
        row = by_key.setdefault(key, {"minute_us": call.minute * MINUTE_US, **call.row, **dict.fromkeys(SUMS, 0)})
        for name in SUMS:
            row[name] += call.row[name]
    # In the order of keys, as the native module gives them.
    names = ("minute_us", *MEMBERS)
    rows = [
        (tuple(_told(row[name], name) for name in names), tuple(row[name] for name in SUMS)) for row in by_key.values()
    ]
    with transaction.atomic(using=LEDGER):
        add_fresh(sorted(rows))


def truth(calls: Iterable[Call], since: int, until: int, members: Sequence[str], **only: Any) -> dict[Any, list[int]]:
    """Add up by hand what a report over this range must say."""
    sums: dict[Any, list[int]] = defaultdict(lambda: [0] * len(SUMS))
    for call in calls:
        told = {name: _told(call.row[name], name) for name in MEMBERS}
        if since <= call.minute < until and all(told[name] == value for name, value in only.items()):
            there = sums[tuple(told[name] for name in members)]
            for number, name in enumerate(SUMS):
                there[number] += call.row[name]
    return dict(sums)


def report(since: int, until: int, members: tuple[str, ...], **only: Any) -> dict[Any, list[int]]:
    """Ask for what `truth` says."""
    narrowed = {name: value if isinstance(value, bool) else (value,) for name, value in only.items()}
    # SQLite gives truth values as 0 and 1, which equal them.
    return {row.members: list(row.sums) for row in add_up([Period(since, until, "")], members, narrowed, 100_000)}


def holds(calls: list[Call]) -> None:
    """Every level and every grain that is whole is the sum of all records."""
    (total,) = truth(calls, 0, 2**40, ()).values()
    whole = [(level, grain) for level in LEVELS for grain in level.grains if (level, grain) not in unfilled()]
    found = {(level.name, grain): _of_level(level, grain) for level, grain in whole}
    assert found == {(level.name, grain): total for level, grain in whole}


def migrate_newest() -> None:
    """Bring the ledger to the newest migrations."""
    executor = MigrationExecutor(connections[LEDGER])
    executor.migrate(executor.loader.graph.leaf_nodes())


@contextmanager
def ending_after(statements: int) -> Iterator[None]:
    """End whoever uses the ledger before it sends one statement more than these; its transaction is not committed."""
    left = [statements]

    def count(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        if left[0] == 0:
            raise Cut
        left[0] -= 1
        return execute(sql, parameters, many, context)

    with connections[LEDGER].execute_wrapper(count):
        yield


def _of_level(level: Level, grain: Grain) -> list[int]:
    """All that a level holds of one grain, and what is fresh."""
    sums = ", ".join(f"COALESCE(SUM({name}), 0)" for name in SUMS)
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(f"SELECT {sums} FROM {level.table} WHERE grain = %s", [int(grain)])  # noqa: S608 - names of our own
        folded = cursor.fetchone()
        cursor.execute(f"SELECT {sums} FROM usage_fresh")  # noqa: S608 - likewise
        return [int(one) + int(other) for one, other in zip(folded, cursor.fetchone(), strict=True)]


def _told(value: Any, name: str) -> Any:
    if value is not None:
        return value
    return 0 if name == "price_version" else ""


def _call(chance: random.Random, minute: int) -> Call:
    partner = chance.choice([None, "p1", "p2", "p3"])
    number = partner and chance.choice("12")
    row = {
        "partner": partner,
        "application": number and f"{partner}-a{number}",
        "kid": number and f"{partner}k{number}{chance.choice('xy')}",
        "route": chance.choice([None, "r1", "r2"]),
        "fault": chance.choice(FAULTS),
        "billable": chance.random() < 0.7,
        "price_version": chance.choice([None, 1]),
    }
    requests = chance.choice([1, 1, 2, 5, 1_000])
    sums = [requests, chance.randrange(10), chance.randrange(10**6), chance.randrange(2**40), chance.randrange(10**9)]
    return Call(minute, {**row, **dict(zip(SUMS, sums, strict=True))})
