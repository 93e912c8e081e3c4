"""Writes and reads the lake's files: how they are encoded, and what is told of one that was written.

Measured over a million calls of 200 partners on three nodes (bench/lake.py): zstd's first level makes random digits the
smallest and is the fastest; higher levels find likenesses in them that cost more than they save. Each row group has its own
dictionaries, of all callers too: smaller groups than these cost half a byte a record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from portazgo.lake.arrow import SCHEMA, encodings
from portazgo.lake.columns import SORTED_BY

ROWS_OF_A_GROUP = 262_144
ROWS_OF_A_PAGE = 32_768
LEVEL = 1
CHUNK = 1 << 20


@dataclass(slots=True)
class Told:
    """What the list of files says of one."""

    rows: int = 0
    requests: int = 0
    bytes: int = 0
    sha256: str = ""
    min_started_at_us: int = 0
    max_started_at_us: int = 0
    min_request_id: str = ""
    max_request_id: str = ""

    def note(self, table: pa.Table) -> None:
        """Take more rows into account."""
        if not table.num_rows:
            return
        started = pc.min_max(table["started_at"].cast(pa.int64())).as_py()
        ids = pc.min_max(table["request_id"]).as_py()
        first = not self.rows
        self.min_started_at_us = started["min"] if first else min(self.min_started_at_us, started["min"])
        self.max_started_at_us = started["max"] if first else max(self.max_started_at_us, started["max"])
        self.min_request_id = ids["min"] if first else min(self.min_request_id, ids["min"])
        self.max_request_id = ids["max"] if first else max(self.max_request_id, ids["max"])
        self.rows += table.num_rows
        self.requests += pc.sum(table["count"]).as_py()


class Writer:
    """Writes one file, row groups of equal size whatever it is given; rows come in the order of the lake."""

    def __init__(self, path: Path) -> None:
        words, others = encodings()
        self._path = path
        self._writer: Any = pq.ParquetWriter(
            path,
            SCHEMA,
            compression="zstd",
            compression_level=LEVEL,
            use_dictionary=words,
            column_encoding=others,
            max_rows_per_page=ROWS_OF_A_PAGE,
            write_page_index=True,
            sorting_columns=pq.SortingColumn.from_ordering(SCHEMA, [(name, "ascending") for name in SORTED_BY]),
        )
        self._waiting: list[pa.Table] = []
        self._waiting_rows = 0
        self.told = Told()

    def write(self, table: pa.Table) -> None:
        """Add rows."""
        self.told.note(table)
        self._waiting.append(table)
        self._waiting_rows += table.num_rows
        if self._waiting_rows >= ROWS_OF_A_GROUP:
            self._write_groups(whole_only=True)

    def close(self) -> Told:
        """End the file. Returns what there is to tell of it."""
        self._write_groups(whole_only=False)
        self._writer.close()
        self.told.bytes = self._path.stat().st_size
        self.told.sha256 = sha256_of(self._path)
        return self.told

    def _write_groups(self, *, whole_only: bool) -> None:
        if not self._waiting_rows:
            return
        table = pa.concat_tables(self._waiting)
        rows = table.num_rows - table.num_rows % ROWS_OF_A_GROUP if whole_only else table.num_rows
        self._writer.write_table(table.slice(0, rows), row_group_size=ROWS_OF_A_GROUP)
        self._waiting = [table.slice(rows)]
        self._waiting_rows = table.num_rows - rows


def batches(path: Path, rows: int) -> Iterator[pa.Table]:
    """Give a file's rows as tables of at most so many, in their order; columns that it is too old for are null."""
    file = pq.ParquetFile(path)
    missing = [field for field in SCHEMA if field.name not in file.schema_arrow.names]
    for batch in file.iter_batches(batch_size=rows):
        table = pa.Table.from_batches([batch])
        for field in missing:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
        yield table.select(SCHEMA.names)


def sha256_of(path: Path) -> str:
    """Hash a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.hexdigest()
