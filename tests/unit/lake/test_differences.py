"""What the lake holds as differences comes back as it was recorded, whatever the clocks say."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from support.made_segments import Node
from support.segments import recorded

from portazgo import _native
from portazgo.lake.arrow import differences, table_of
from portazgo.lake.columns import BY_NAME
from portazgo.lake.differences import COLUMNS_OF_PHASES, DIFFERENCES, PHASES, members_of

MEMBERS = ("finished_at_us", "backend_bytes_in", "phases")
BEGAN_US = 1_795_000_000_000_000
LONGEST_US = 2**32 - 2
"""A phase's clock stops there."""


def test_members_come_back_of_made_and_of_real_records() -> None:
    node = Node(np.random.default_rng(3), uuid4(), uuid4(), partners=5)
    segments = [node.segment(BEGAN_US, 400)[1], *(content for _, content in recorded().segments)]
    for content in segments:
        table = table_of(content)
        rows = table.set_column(1, "started_at", table["started_at"].cast(pa.int64())).to_pylist()
        assert [members_of(row) for row in rows] == [
            {name: record[name] for name in MEMBERS} for record in _native.decode_segment(content)
        ]


def test_members_come_back_whatever_was_reached_and_whatever_the_clock_said() -> None:
    chance = np.random.default_rng(11)
    rows = 500
    clocks = [
        {phase: int(chance.choice([0, 7, 7, 90_000, LONGEST_US])) for phase in PHASES if chance.random() < 0.6}
        for _ in range(rows)
    ]
    started = [BEGAN_US] * rows
    # Set back while the call was under way: it ended before it began.
    finished = [BEGAN_US + int(chance.integers(-10_000, 10_000)) for _ in range(rows)]
    sent, came = chance.integers(0, 2**40, (2, rows)).tolist()
    members: dict[str, list[Any]] = {
        "started_at_us": started,
        "finished_at_us": finished,
        "bytes_out": sent,
        "backend_bytes_in": came,
        **{f"phase_{phase}_us": [one.get(phase) for one in clocks] for phase in PHASES},
    }
    held = differences({name: pa.array(values, pa.int64()) for name, values in members.items()})
    columns = {name: array.to_pylist() for name, array in held.items()}
    for row in range(rows):
        told = {"started_at": started[row], "bytes_out": sent[row]} | {name: of[row] for name, of in columns.items()}
        assert members_of(told) == {
            "finished_at_us": finished[row],
            "backend_bytes_in": came[row],
            "phases": {f"{phase}_us": clock for phase, clock in clocks[row].items()},
        }


def test_the_phases_are_those_of_records_in_their_order() -> None:
    node = Node(np.random.default_rng(3), uuid4(), uuid4(), partners=5)
    records = _native.decode_segment(node.segment(BEGAN_US, 10)[1])
    assert [*records[0]["phases"]] == [f"{phase}_us" for phase in PHASES]


def test_the_lake_has_the_columns_that_hold_differences() -> None:
    assert BY_NAME.keys() >= DIFFERENCES
    assert {BY_NAME[name].member for name in COLUMNS_OF_PHASES.values()} == {f"phase_{phase}_us" for phase in PHASES}
