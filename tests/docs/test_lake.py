"""docs/lake.md: every query runs on files as the lake has them, and the files are what Spark's reader takes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.documents import PROJECT, fenced_lines
from support.made_segments import Node

from portazgo.kit.clock import microseconds
from portazgo.lake.arrow import in_order, table_of
from portazgo.lake.columns import COLUMNS, SCHEMA_VERSION, VERSION_KEY, Kind
from portazgo.lake.differences import members_of
from portazgo.lake.generate import page
from portazgo.lake.parquet import Writer

PAGE = PROJECT / "docs" / "lake.md"
BEGAN_US = 1_795_000_000_000_000
ROWS = 600
# Spark 3.3's reader: ParquetToSparkSchemaConverter, VectorizedColumnReader.
SPARK_TYPES = {
    Kind.TEXT: ("BYTE_ARRAY", "STRING"),
    Kind.BYTES: ("BYTE_ARRAY", "NONE"),
    Kind.NUMBER: ("INT64", "NONE"),
    Kind.SMALL: ("INT32", "NONE"),
    Kind.FLAG: ("BOOLEAN", "NONE"),
    Kind.TIME: ("INT64", "TIMESTAMP"),
}
SPARK_ENCODINGS = {
    "PLAIN",
    "RLE",
    "RLE_DICTIONARY",
    "PLAIN_DICTIONARY",
    "DELTA_BINARY_PACKED",
    "DELTA_LENGTH_BYTE_ARRAY",
    "DELTA_BYTE_ARRAY",
}


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Two files of the lake and their list, where the queries run. Gives their rows."""
    monkeypatch.chdir(tmp_path)
    node = Node(np.random.default_rng(7), uuid4(), uuid4(), partners=5)
    listed: list[dict[str, Any]] = []
    tables: list[pa.Table] = []
    for number in range(2):
        _, content = node.segment(BEGAN_US + number * 7_200_000_000, ROWS)
        tables.append(in_order(table_of(content)))
        path = tmp_path / f"{number}.parquet"
        writer = Writer(path)
        writer.write(tables[-1])
        told = writer.close()
        listed.append({"location": str(path), "min_request_id": told.min_request_id})
    (tmp_path / "files.json").write_text(json.dumps(listed))
    found: list[dict[str, Any]] = pa.concat_tables(tables).to_pylist()
    return found


def queries() -> list[str]:
    blocks: dict[int, list[str]] = {}
    number = 0
    text = PAGE.read_text("utf-8")
    inside = False
    for line in text.splitlines():
        if line == "```python":
            inside, number = True, number + 1
        elif line.startswith("```"):
            inside = False
        elif inside:
            blocks.setdefault(number, []).append(line)
    return ["\n".join(lines) for lines in blocks.values()]


def run(query: str) -> Any:
    names: dict[str, Any] = {}
    exec(compile(query, str(PAGE), "exec"), names)  # noqa: S102 - what the page says
    return names["result"]


def test_every_query_of_the_page_tells_what_the_records_are(rows: list[dict[str, Any]]) -> None:
    by_partner, by_id, by_route, respond_began, by_hour = map(run, queries())
    clocks = [members_of({**row, "started_at": microseconds(row["started_at"])})["phases"] for row in rows]
    assert Counter({(day.date(), partner): calls for day, partner, calls, *_ in by_partner}) == Counter(
        (row["started_at"].date(), row["partner"]) for row in rows
    )
    assert sum(failed for *_, failed, _ in by_partner) == sum(row["fault"] is not None for row in rows) > 0
    assert [one[0] for one in by_id] == [min(row["request_id"] for row in rows)]
    served = [row for row in rows if row["own_us"] is not None]
    assert len(served) < len(rows)
    assert {route: int(count) for route, count in by_route["count"].items() if count} == Counter(
        row["route"] for row in served
    )
    assert by_route["max"].max() == max(row["duration_us"] - row["own_us"] for row in served) / 1000
    began = sum(clock["respond_us"] for clock in clocks) / len(clocks)
    assert respond_began == [(pytest.approx(began),)]
    assert by_hour["bytes_out"].sum() == sum(row["bytes_out"] for row in rows)
    assert len(by_hour) == len({(row["started_at"].date(), row["started_at"].hour) for row in rows})


def test_the_files_are_what_the_page_says_that_spark_reads(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    file = pq.ParquetFile(tmp_path / "0.parquet")
    assert file.schema_arrow.metadata[VERSION_KEY.encode()].decode() == str(SCHEMA_VERSION)
    for number, column in enumerate(COLUMNS):
        stored = file.schema.column(number)
        logical = json.loads(stored.logical_type.to_json())
        assert (stored.name, (stored.physical_type, logical["Type"].upper())) == (column.name, SPARK_TYPES[column.kind])
        if column.kind is Kind.TIME:
            assert (logical["isAdjustedToUTC"], logical["timeUnit"]) == (True, "microseconds")
        for group in range(file.num_row_groups):
            chunk = file.metadata.row_group(group).column(number)
            assert set(chunk.encodings) <= SPARK_ENCODINGS
            assert chunk.compression == "ZSTD"


def test_the_table_of_columns_is_that_of_the_lake() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text
    assert all(f"`{column.name}`" in text for column in COLUMNS)


def test_the_commands_of_the_page_exist() -> None:
    commands = [line.text for line in fenced_lines(PAGE) if line.language == "console"]
    assert commands == ["$ portazgo lake show", "$ portazgo lake files --json > files.json"]
