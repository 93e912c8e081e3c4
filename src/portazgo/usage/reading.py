"""Adds up rollups: folded slots as `ranges` has cut them, and the fresh sums of the whole range, in one statement.

One statement is one view of the ledger on SQLite and on PostgreSQL: a batch that is folded meanwhile is seen before or after,
and counted once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import connections

from portazgo.usage.collector import LEDGER
from portazgo.usage.keeping import horizons
from portazgo.usage.ranges import Cutter, Piece
from portazgo.usage.rollups import LEVELS, MINUTE_US, SUMS, Grain, Level, coarsest

if TYPE_CHECKING:
    from portazgo.usage.periods import Period

Values = tuple[str, ...]
Narrowed = Mapping[str, Values | bool]
"""Member to the values that it may have."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What was added up: `period` numbers the period, `members` are in the order that was asked for, `sums` in that of SUMS."""

    period: int
    members: tuple[Any, ...]
    sums: tuple[int, ...]


class TooMany(Exception):
    """There are more sums than were asked for."""


def add_up(periods: Sequence[Period], members: Sequence[str], narrowed: Narrowed, most: int) -> Iterator[Sum]:
    """Add up each period by these members; sums of nothing are left out, in no order. Raises TooFine, TooMany."""
    whole_from = horizons()
    while True:
        cutter = Cutter(whole_from)
        pieces = [(number, piece) for number, one in enumerate(periods) for piece in cutter.cut(one.since, one.until)]
        statement, values = _statement(periods, pieces, members, narrowed)
        with connections[LEDGER].cursor() as cursor:
            # One more tells that there are more; that many of everything would take the process's memory.
            cursor.execute(f"{statement} LIMIT {most + 1}", values)
            rows = cursor.fetchall()
        # What was dropped between the look at the horizons and the statement would be missing from it.
        before, whole_from = whole_from, horizons()
        if before == whole_from:
            break
    if len(rows) > most:
        raise TooMany
    width = 1 + len(members)
    return (Sum(row[0], tuple(row[1:width]), tuple(map(int, row[width:]))) for row in rows)


def _statement(
    periods: Sequence[Period], pieces: Sequence[tuple[int, Piece]], members: Sequence[str], narrowed: Narrowed
) -> tuple[str, list[Any]]:
    grain = coarsest({*members, *narrowed})
    parts, values = [], []
    for level in LEVELS:
        of_it = [(number, piece) for number, piece in pieces if piece.level is level]
        if of_it:
            parts.append(_folded(level, grain if grain in level.grains else Grain.WHOLE, of_it, members, narrowed))
            values += _values(narrowed)
    parts.append(_fresh(periods, members, narrowed))
    values += _values(narrowed)
    told = ", ".join(("period", *members))
    sums = ", ".join(f"SUM({name})" for name in SUMS)
    statement = (
        f"SELECT {told}, {sums} FROM ({' UNION ALL '.join(parts)}) AS parts GROUP BY {told} HAVING SUM(requests) <> 0"  # noqa: S608 - names of our own
    )
    return statement, values


def _folded(
    level: Level, grain: Grain, pieces: Sequence[tuple[int, Piece]], members: Sequence[str], narrowed: Narrowed
) -> str:
    rows = ", ".join(f"({number}, {piece.since}, {piece.until}, {piece.sign})" for number, piece in pieces)
    told = ", ".join(("period", *(f"s.{name}" for name in members)))
    sums = ", ".join(f"t.{name} AS {name}" for name in SUMS)
    # Added up by series first: numbers are compared faster than names, and the names are looked up once.
    inner = ", ".join(f"SUM(p.sign * r.{name}) AS {name}" for name in SUMS)
    chosen = f"SELECT id FROM usage_series AS s WHERE s.grain = {int(grain)}{_conditions('s', narrowed)}"  # noqa: S608
    only = f" AND r.series IN ({chosen})" if narrowed else ""
    return (
        f"SELECT {told}, {sums} FROM ("  # noqa: S608 - whole numbers, and names of our own
        f"SELECT p.period AS period, r.series AS series, {inner} "
        f"FROM (SELECT column1 AS period, column2 AS since, column3 AS until, column4 AS sign FROM (VALUES {rows}) AS v) AS p "
        f"CROSS JOIN {level.table} AS r "
        f"WHERE r.grain = {int(grain)} AND r.slot >= p.since AND r.slot < p.until{only} GROUP BY p.period, r.series"
        ") AS t CROSS JOIN usage_series AS s WHERE s.id = t.series"
    )


def _fresh(periods: Sequence[Period], members: Sequence[str], narrowed: Narrowed) -> str:
    rows = ", ".join(
        f"({number}, {one.since * MINUTE_US}, {one.until * MINUTE_US})" for number, one in enumerate(periods)
    )
    told = ", ".join(
        ("p.period AS period", *(f"f.{name} AS {name}" for name in members), *(f"f.{name}" for name in SUMS))
    )
    return (
        f"SELECT {told} "  # noqa: S608 - likewise
        f"FROM (SELECT column1 AS period, column2 AS since, column3 AS until FROM (VALUES {rows}) AS v) AS p "
        f"CROSS JOIN usage_fresh AS f "
        f"WHERE f.minute_us >= p.since AND f.minute_us < p.until{_conditions('f', narrowed)}"
    )


def _conditions(table: str, narrowed: Narrowed) -> str:
    return "".join(f" AND {table}.{name} {_marks(value)}" for name, value in narrowed.items())


def _marks(value: Values | bool) -> str:  # noqa: FBT001 - the value of a column
    return "= %s" if isinstance(value, bool) else f"IN ({', '.join(['%s'] * len(value))})"


def _values(narrowed: Narrowed) -> list[Any]:
    return [one for value in narrowed.values() for one in ([value] if isinstance(value, bool) else value)]
