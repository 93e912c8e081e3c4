"""Adds segments' sums to those that are not folded yet: the ingest path, which adds to tens of thousands of rows a second."""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING, Any

from django.db import connections

from portazgo.usage.models import LEDGER
from portazgo.usage.rollups import LARGEST_SUM, MEMBERS, SUMS, adding

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Row = tuple[tuple[Any, ...], tuple[int, ...]]
"""A sum: what it is told apart by ("" or 0 where there is none, since no NULL equals another), and its SUMS."""

_KEY = ("minute_us", *MEMBERS)
_COLUMNS = (*_KEY, *SUMS)
_ADDING = f"ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET {adding('usage_fresh')}"
_INSERT = f"INSERT INTO usage_fresh ({', '.join(_COLUMNS)})"
# Nothing is written where the key was used in this minute already: most segments write nothing here.
_USE = "INSERT INTO key_use (kid, last_used_us)"
_USING = (
    "ON CONFLICT (kid) DO UPDATE SET last_used_us = excluded.last_used_us "
    "WHERE key_use.last_used_us < excluded.last_used_us"
)
# SQLite: a prepared statement for each row, within the process.
_ADD_ROW = f"{_INSERT} VALUES ({', '.join(['%s'] * len(_COLUMNS))}) {_ADDING}"
_USE_ROW = f"{_USE} VALUES (%s, %s) {_USING}"
# PostgreSQL: all rows in one statement, as an array for each column. They are written here: psycopg takes three times as long
# over lists. Rows in one order, so that two collectors never wait for each other in turns.
_TYPES = {"billable": "boolean", "price_version": "integer", "minute_us": "bigint", **dict.fromkeys(SUMS, "bigint")}
_PLACES = ", ".join(str(place) for place in range(1, len(_KEY) + 1))
_READ = ", ".join(f"%s::{_TYPES.get(name, 'text')}[]" for name in _COLUMNS)
_ADD_ALL = f"{_INSERT} SELECT * FROM unnest({_READ}) ORDER BY {_PLACES} {_ADDING}"  # noqa: S608 - names of our own
_USE_ALL = f"{_USE} SELECT * FROM unnest(%s::text[], %s::bigint[]) ORDER BY 1 {_USING}"  # noqa: S608 - likewise


def added_up(summaries: Sequence[Mapping[str, Any]]) -> Sequence[Row]:
    """Add up what segments have in common, by their summaries: nodes behind one address see the same keys."""
    if len(summaries) == 1:
        rows: Sequence[Row] = summaries[0]["rollups"]
        return rows
    sums: dict[tuple[Any, ...], tuple[int, ...]] = {}
    for summary in summaries:
        for key, more in summary["rollups"]:
            there = sums.get(key)
            sums[key] = more if there is None else tuple(map(add, there, more))
    if sum(max(summary["totals"]) for summary in summaries) > LARGEST_SUM:
        return [(key, tuple(min(LARGEST_SUM, value) for value in values)) for key, values in sums.items()]
    return list(sums.items())


def add_fresh(rows: Sequence[Row]) -> None:
    """Add sums, no key of which comes twice, within the transaction of the segments that they are of."""
    if not rows:
        return
    with connections[LEDGER].cursor() as cursor:
        if connections[LEDGER].vendor == "postgresql":
            keys, sums = zip(*rows, strict=True)
            cursor.execute(_ADD_ALL, [_array(column) for table in (keys, sums) for column in zip(*table, strict=True)])
        else:
            cursor.executemany(_ADD_ROW, [key + sums for key, sums in rows])


def note_uses(summaries: Iterable[Mapping[str, Any]]) -> None:
    """Note when keys were used last, to the minute, in the same transaction."""
    newest: dict[str, int] = {}
    for summary in summaries:
        for kid, minute in summary["used"]:
            if minute > newest.get(kid, -1):
                newest[kid] = minute
    if not newest:
        return
    with connections[LEDGER].cursor() as cursor:
        if connections[LEDGER].vendor == "postgresql":
            cursor.execute(_USE_ALL, [_array(newest), _array(newest.values())])
        else:
            cursor.executemany(_USE_ROW, list(newest.items()))


def _array(values: Iterable[str | int]) -> str:
    """Write an array. Ids, kids, codes of faults and numbers hold nothing that must be escaped."""
    return '{"' + '","'.join(map(str, values)) + '"}'
