"""A segment's records as an Arrow table with the lake's columns. Only children import this: pyarrow takes its memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from portazgo import _native
from portazgo.lake.columns import COLUMNS, SCHEMA_VERSION, SORTED_BY, VERSION_KEY, Column, Kind, Layout
from portazgo.lake.differences import COLUMNS_OF_PHASES, WAIT

_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.BYTES: pa.binary(),
    Kind.NUMBER: pa.int64(),
    Kind.SMALL: pa.int32(),
    Kind.FLAG: pa.bool_(),
    Kind.TIME: pa.timestamp("us", tz="UTC"),
}
_STORED = {
    "numbers": pa.int64(),
    "flags": pa.bool_(),
    "texts": pa.string(),
    "bytes": pa.binary(),
}
_ENCODINGS = {
    Layout.GROWING: {Kind.TEXT: "DELTA_BYTE_ARRAY"},
    Layout.RANDOM: {
        Kind.TEXT: "DELTA_LENGTH_BYTE_ARRAY",
        Kind.FLAG: "PLAIN",
        Kind.NUMBER: "PLAIN",
        Kind.SMALL: "PLAIN",
    },
}
SCHEMA = pa.schema(
    [pa.field(column.name, _TYPES[column.kind]) for column in COLUMNS], metadata={VERSION_KEY: str(SCHEMA_VERSION)}
)
_SORTED = [(name, "ascending") for name in SORTED_BY]


def table_of(content: bytes) -> pa.Table:
    """Give a segment's records, in their order. Raises ValueError for bytes that are no sealed segment."""
    rows, members = _native.segment_columns(content)
    held = {column.member: _array(column, rows, members) for column in COLUMNS}
    arrays = {column.name: held[column.member] for column in COLUMNS} | differences(held)
    # A proven key is named as well; said once it costs nothing.
    proven = pc.equal(arrays["claimed_kid"], arrays["kid"])
    arrays["claimed_kid"] = pc.replace_with_mask(
        arrays["claimed_kid"], pc.fill_null(proven, fill_value=False), pa.scalar(None, pa.string())
    )
    return pa.table(arrays, schema=SCHEMA)


def in_order(table: pa.Table) -> pa.Table:
    """Give the same rows in the order of the lake's files."""
    return table.take(pc.sort_indices(table, sort_keys=_SORTED))


def differences(members: Mapping[str, pa.Array]) -> dict[str, pa.Array]:
    """Make the columns that hold differences, of the records' members; differences.py has the way back."""
    duration = pc.subtract(members["finished_at_us"], members["started_at_us"].view(pa.int64()))
    found = {
        "duration_us": duration,
        "own_bytes_out": pc.subtract(members["bytes_out"], members["backend_bytes_in"]),
    }
    ended = duration
    for phase, name in reversed(COLUMNS_OF_PHASES.items()):
        clock = members[f"phase_{phase}_us"]
        took = pc.subtract(ended, clock)
        found[name] = pc.subtract(duration, took) if phase == WAIT else took
        ended = pc.coalesce(clock, ended)
    return found


def _array(column: Column, rows: int, members: dict[str, Any]) -> pa.Array:
    wanted = _TYPES[column.kind]
    if column.member not in members:
        return pa.nulls(rows, wanted)
    stored = _stored(rows, members[column.member])
    if column.kind is Kind.TIME:
        return stored.view(wanted)
    return stored.cast(wanted)


def _stored(rows: int, member: tuple[Any, ...]) -> pa.Array:
    kind, present, *buffers = member
    if kind == "none":
        return pa.nulls(rows, pa.null())
    return pa.Array.from_buffers(_STORED[kind], rows, [pa.py_buffer(buffer) for buffer in (present, *buffers)])


def encodings() -> tuple[list[str], dict[str, str]]:
    """Name the columns that are stored as dictionaries, and how the others are (docs/lake.md)."""
    words = [column.name for column in COLUMNS if column.layout is Layout.WORDS]
    others = {
        column.name: _ENCODINGS[column.layout].get(column.kind, "DELTA_BINARY_PACKED")
        for column in COLUMNS
        if column.layout is not Layout.WORDS
    }
    return words, others
