"""Adds up rollups: folded slots as `ranges` has cut them, and the fresh sums of the whole range, in one statement.

One statement is one view of the ledger on SQLite and on PostgreSQL: a batch that is folded meanwhile is seen before or after,
and counted once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import DataError, OperationalError, connections

from portazgo.usage.collector import LEDGER
from portazgo.usage.filling import unfilled
from portazgo.usage.keeping import horizons
from portazgo.usage.ranges import Cutter, Piece
from portazgo.usage.rollups import LEVELS, MINUTE_US, SUMS, Grain, Level, coarsest

if TYPE_CHECKING:
    from portazgo.usage.periods import Period

Values = tuple[str, ...]
Narrowed = Mapping[str, Values | bool]
"""Member to the values that it may have."""


MOST_APART = 8
"""Pieces of a level that are read one by one."""
_MOST = 2**62
_OVERFLOW = "integer overflow"
"""What SQLite says of a sum that 64 bits don't hold."""


class Sum(NamedTuple):
    """What was added up: `period` numbers the period, `members` are in the order that was asked for, `sums` in that of SUMS."""

    period: int
    members: tuple[Any, ...]
    sums: tuple[int, ...]


class TooMany(Exception):
    """There are more sums than were asked for."""


class After(NamedTuple):
    """Where to go on in the first period: with the sums whose first members come after these, or (`itself`) with these."""

    members: tuple[Any, ...]
    itself: bool


def add_up(periods: Sequence[Period], members: Sequence[str], narrowed: Narrowed, most: int) -> list[Sum]:
    """Add up each period by these members; sums of nothing are left out, in no order. Raises TooFine, TooMany."""
    # One more tells that there are more; that many of everything would take the process's memory.
    found = _read(periods, members, narrowed, f" LIMIT {most + 1}")
    if len(found) > most:
        raise TooMany
    return found


def first_sums(
    periods: Sequence[Period], members: Sequence[str], narrowed: Narrowed, most: int, after: After | None = None
) -> list[Sum]:
    """Add up as `add_up` does, and give the first of them in the order of periods and members. Raises TooFine."""
    ordered = ", ".join(("period", *members))
    return _read(periods, members, narrowed, f" ORDER BY {ordered} LIMIT {most}", after)


def require_kept(periods: Sequence[Period], members: Sequence[str], narrowed: Narrowed) -> None:
    """Raise TooFine unless all of it can still be added up."""
    cutter = Cutter(horizons(), tuple(_grains({*members, *narrowed})))
    for one in periods:
        cutter.cut(one.since, one.until)


def _read(
    periods: Sequence[Period], members: Sequence[str], narrowed: Narrowed, end: str, after: After | None = None
) -> list[Sum]:
    grains = _grains({*members, *narrowed})
    whole_from = horizons()
    while True:
        cutter = Cutter(whole_from, tuple(grains))
        pieces = [(number, piece) for number, one in enumerate(periods) for piece in cutter.cut(one.since, one.until)]
        statement = partial(_statement, periods, pieces, grains, members, narrowed, after)
        rows = _rows(statement, end)
        # What was dropped between the look at the horizons and the statement would be missing from it.
        before, whole_from = whole_from, horizons()
        if before == whole_from:
            break
    width = 1 + len(members)
    return [Sum(row[0], row[1:width], row[width:]) for row in rows]


def _rows(statement: Callable[..., tuple[str, list[Any]]], end: str) -> list[tuple[Any, ...]]:
    try:
        return _fetched(*statement(full=False), end)
    except (DataError, OperationalError) as problem:
        if isinstance(problem, OperationalError) and _OVERFLOW not in str(problem):
            raise
    # No traffic makes sums that 64 bits don't hold. A node that lies does, and must not fail the reports of all.
    return _fetched(*statement(full=True), end)


def _fetched(statement: str, values: Sequence[Any], end: str) -> list[tuple[Any, ...]]:
    with connections[LEDGER].cursor() as cursor:
        cursor.execute(statement + end, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def _grains(members: set[str]) -> dict[Level, Grain]:
    """Tell what each level is read by: its coarsest grain that tells these members, and is there for all its slots."""
    left_out = unfilled()
    found = {
        level: coarsest(members, [grain for grain in level.grains if (level, grain) not in left_out])
        for level in LEVELS
    }
    return {level: grain for level, grain in found.items() if grain is not None}


def _statement(
    periods: Sequence[Period],
    pieces: Sequence[tuple[int, Piece]],
    grains: Mapping[Level, Grain],
    members: Sequence[str],
    narrowed: Narrowed,
    after: After | None,
    *,
    full: bool,
) -> tuple[str, list[Any]]:
    sums = _sums(full=full)
    parts: list[str] = []
    values: list[Any] = []
    for grain in Grain:
        of_it = [(number, piece) for number, piece in pieces if grains[piece.level] is grain]
        if of_it:
            by_level = _by_level(grain, of_it, narrowed)
            parts.append(_folded(grain, by_level, members, sums))
            values += _values(narrowed) * len(by_level)
    parts.append(_fresh(periods, members, narrowed))
    values += _values(narrowed)
    told = ", ".join(("period", *members))
    where = ""
    if after is not None:
        first = ", ".join(members[: len(after.members)])
        where = (
            f"WHERE period > 0 OR ({first}) {'>=' if after.itself else '>'} ({', '.join(['%s'] * len(after.members))}) "
        )
        values += after.members
    found = f"({' UNION ALL '.join(parts)}) AS parts"
    # Requests come first, and those of nothing are left out.
    return f"SELECT {told}, {', '.join(sums)} FROM {found} {where}GROUP BY {told} HAVING {sums[0]} <> 0", values  # noqa: S608 - names of our own


def _sums(*, full: bool) -> list[str]:
    """Add up within 64 bits, or fail, as SQLite does by itself: PostgreSQL's `numeric` is slow to add and to read.

    `full`: what adds up to more is as much as there can be.
    """
    return [f"CAST({_full(name) if full else f'SUM({name})'} AS bigint)" for name in SUMS]


def _full(name: str) -> str:
    if connections[LEDGER].vendor == "postgresql":
        return f"GREATEST(-{_MOST}, LEAST({_MOST}, SUM({name})))"
    return f"MAX(-{_MOST}, MIN({_MOST}, TOTAL({name})))"


def _folded(grain: Grain, by_level: Sequence[str], members: Sequence[str], sums: Sequence[str]) -> str:
    told = ", ".join(("period", *(f"s.{name}" for name in members)))
    # Added up by series first: numbers are compared faster than names, and the names are looked up once.
    inner = ", ".join(f"{one} AS {name}" for one, name in zip(sums, SUMS, strict=True))
    return (
        f"SELECT {told}, {', '.join(f't.{name} AS {name}' for name in SUMS)} FROM ("  # noqa: S608 - names of our own
        f"SELECT period, series, {inner} FROM ({' UNION ALL '.join(by_level)}) AS slots GROUP BY period, series"
        f") AS t CROSS JOIN usage_series AS s WHERE s.id = t.series AND s.grain = {int(grain)}"
    )


def _by_level(grain: Grain, pieces: Sequence[tuple[int, Piece]], narrowed: Narrowed) -> list[str]:
    """Give what reads the slots of these pieces; each asks once for the values of `narrowed`."""
    chosen = f"SELECT id FROM usage_series AS s WHERE s.grain = {int(grain)}{_conditions('s', narrowed)}"  # noqa: S608 - likewise
    only = f" AND r.series IN ({chosen})" if narrowed else ""
    return [
        part
        for level in LEVELS
        if (of_it := [(number, piece) for number, piece in pieces if piece.level is level])
        for part in _of_level(level, grain, of_it, only)
    ]


def _of_level(level: Level, grain: Grain, pieces: Sequence[tuple[int, Piece]], only: str) -> list[str]:
    if len(pieces) <= MOST_APART:
        # A database that is told the bounds of a piece, and not a table of them, knows how few rows there are.
        return [
            f"SELECT {number} AS period, r.series AS series, "  # noqa: S608 - whole numbers, and names of our own
            f"{', '.join(f'{piece.sign} * r.{name} AS {name}' for name in SUMS)} "
            f"FROM {level.table} AS r WHERE r.grain = {int(grain)} AND r.slot >= {piece.since} AND r.slot < {piece.until}{only}"
            for number, piece in pieces
        ]
    rows = ", ".join(f"({number}, {piece.since}, {piece.until}, {piece.sign})" for number, piece in pieces)
    sums = ", ".join(f"p.sign * r.{name} AS {name}" for name in SUMS)
    return [
        f"SELECT p.period AS period, r.series AS series, {sums} "  # noqa: ISC004, S608 - likewise; one part
        f"FROM (SELECT column1 AS period, column2 AS since, column3 AS until, column4 AS sign FROM (VALUES {rows}) AS v) AS p "
        f"CROSS JOIN {level.table} AS r "
        f"WHERE r.grain = {int(grain)} AND r.slot >= p.since AND r.slot < p.until{only}"
    ]


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
