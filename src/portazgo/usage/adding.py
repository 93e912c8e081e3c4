"""Adds a segment's sums to those that are not folded yet: the ingest path, which adds to tens of thousands of rows a second."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db import connections

from portazgo.usage.models import LEDGER
from portazgo.usage.rollups import MEMBERS, SUMS, adding

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
# PostgreSQL: all rows in one statement, as one JSON text. (As arrays they cost the collector three times as much.) It refuses a
# row that comes twice, so they are grouped; in one order, so that two collectors never wait for each other in turns.
_NO_TEXT = "''"
_TYPES = {"billable": "boolean", "price_version": "integer", "minute_us": "bigint", **dict.fromkeys(SUMS, "bigint")}
_NONE = {"price_version": "0", "billable": "false", "minute_us": "0"}
_VALUES = [f"COALESCE({name}, {_NONE.get(name, _NO_TEXT)})" for name in _KEY]
_PLACES = ", ".join(str(place) for place in range(1, len(_KEY) + 1))
_READ = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in _COLUMNS)
_ADD_ALL = (
    f"{_INSERT} SELECT {', '.join(_VALUES)}, {', '.join(f'SUM({name})' for name in SUMS)} "  # noqa: S608 - names of our own
    f"FROM json_to_recordset(%s::json) AS one({_READ}) GROUP BY {_PLACES} ORDER BY {_PLACES} {_ADDING}"
)
_USE_ALL = (
    f"{_USE} SELECT kid, used FROM json_to_recordset(%s::json) AS one(kid text, used bigint) ORDER BY kid {_USING}"  # noqa: S608 - likewise
)


def add_fresh(rollups: Sequence[Mapping[str, Any]]) -> None:
    """Add sums, and note when keys were used, within the transaction of the segment that they are of."""
    if not rollups:
        return
    uses = _last_uses(rollups)
    with connections[LEDGER].cursor() as cursor:
        if connections[LEDGER].vendor == "postgresql":
            cursor.execute(_ADD_ALL, [json.dumps(rollups)])
            cursor.execute(_USE_ALL, [json.dumps([{"kid": kid, "used": used} for kid, used in uses])])
        else:
            cursor.executemany(_ADD_ROW, _rows(rollups))
            cursor.executemany(_USE_ROW, uses)


def _rows(rollups: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    """Give the values in the columns' order. NULLs are never equal in a unique key: "none" is a value of its own, "" or 0."""
    return [
        (
            row["minute_us"],
            row["partner"] or "",
            row["application"] or "",
            row["kid"] or "",
            row["route"] or "",
            row["fault"] or "",
            row["billable"],
            row["price_version"] or 0,
            row["requests"],
            row["units"],
            row["bytes_in"],
            row["bytes_out"],
            row["duration_us_sum"],
        )
        for row in rollups
    ]


def _last_uses(rollups: Sequence[Mapping[str, Any]]) -> list[tuple[str, int]]:
    """Give the newest minute of each key, in the order of kids: two collectors never wait for each other in turns."""
    # Later minutes stand later, so that the last one stays.
    minutes = {row["kid"]: row["minute_us"] for row in sorted(rollups, key=_minute)}
    minutes.pop(None, None)
    return sorted(minutes.items())


def _minute(row: Mapping[str, Any]) -> int:
    minute: int = row["minute_us"]
    return minute
