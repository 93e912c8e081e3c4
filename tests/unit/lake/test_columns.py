"""A segment's columns hold what its records hold, and the lake has a column for each member."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from support.segments import recorded

from portazgo import _native
from portazgo.lake.columns import COLUMNS, LEFT_OUT


def bit(bits: bytes, row: int) -> bool:
    return bool(bits[row // 8] & 1 << row % 8)


def value(column: tuple[Any, ...], row: int) -> Any:
    kind, present, *buffers = column
    if not bit(present, row):
        return None
    match kind:
        case "numbers":
            return struct.unpack_from("<q", buffers[0], 8 * row)[0]
        case "flags":
            return bit(buffers[0], row)
        case "texts":
            begin, end = struct.unpack_from("<II", buffers[0], 4 * row)
            return buffers[1][begin:end].decode()
        case "bytes":
            begin, end = struct.unpack_from("<II", buffers[0], 4 * row)
            return buffers[1][begin:end]
    raise AssertionError(kind)


def test_columns_hold_what_the_records_hold() -> None:
    rows_seen = 0
    for _, content in recorded().segments:
        records = _native.decode_segment(content)
        rows, columns = _native.segment_columns(content)
        assert rows == len(records)
        for row, record in enumerate(records):
            phases = record["phases"]
            told = {name: value(column, row) for name, column in columns.items()}
            clocks = {name: told.pop(f"phase_{name}") for name in [*phases]}
            left = {name: clock for name, clock in told.items() if name.startswith("phase_")}
            assert set(left.values()) <= {None}
            assert {**{name: told[name] for name in told.keys() - left.keys()}, "phases": clocks} == record
            rows_seen += 1
    assert rows_seen == 4


def test_bytes_that_are_no_segment_are_refused() -> None:
    _, content = recorded().segments[0]
    with pytest.raises(ValueError, match="torn"):
        _native.segment_columns(content[:-1])


def test_the_lake_has_a_column_for_every_member_but_those_that_are_left_out() -> None:
    _, members = _native.segment_columns(recorded().segments[0][1])
    assert {column.member for column in COLUMNS} == members.keys() - LEFT_OUT


def test_a_column_is_listed_once() -> None:
    assert len({column.name for column in COLUMNS}) == len({column.member for column in COLUMNS}) == len(COLUMNS)
