"""Merges files of the lake in their order, with a bounded part of each in memory: only children import this.

Of every file that reaches into the time at hand a batch is held; what begins before every batch's end is in order among
all, and is written. A file is opened when the time reaches it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from portazgo.lake.arrow import SCHEMA, in_order
from portazgo.lake.columns import BY_NAME
from portazgo.lake.parquet import Told, Writer, batches

ROWS_OF_A_BATCH = 8_192
NO_ENVIRONMENT = ""
"""Stands for null among the environments that are left out."""
_DUCKDB_MEMORY = "512MB"


@dataclass(frozen=True, slots=True)
class Source:
    """A file to merge, and the earliest beginning in it."""

    path: Path
    min_started_at_us: int


@dataclass(frozen=True, slots=True)
class Sums:
    """What must be the same before and after: rows, calls, and a sum over the content of all rows in any order."""

    rows: int
    requests: int
    content: int


class _Open:
    """A file that is being merged."""

    def __init__(self, source: Source) -> None:
        self._batches: Iterator[pa.Table] = batches(source.path, ROWS_OF_A_BATCH)
        self._rows: pa.Table = SCHEMA.empty_table()
        self.ended = False
        self.more()

    def more(self) -> None:
        """Take one batch more."""
        batch = next(self._batches, None)
        if batch is None:
            self.ended = True
        else:
            self._rows = pa.concat_tables([self._rows, batch])

    def last(self) -> int:
        """Tell when the last row at hand began."""
        return int(_started(self._rows)[-1].as_py())

    def take(self, before: int | None) -> pa.Table:
        """Give the rows that begin before; None: all."""
        count = self._rows.num_rows if before is None else _count_before(self._rows, before)
        taken, self._rows = self._rows.slice(0, count), self._rows.slice(count)
        if not self._rows.num_rows:
            self.more()
        return taken

    def __len__(self) -> int:
        return int(self._rows.num_rows)


def merge(sources: Sequence[Source], target: Path, left_out: Collection[str]) -> Told:
    """Write the rows of all files into one, but those of some environments. Returns what there is to tell of it."""
    writer = Writer(target)
    waiting = sorted(sources, key=lambda source: source.min_started_at_us, reverse=True)
    opened: list[_Open] = []
    while waiting or opened:
        if not opened:
            opened.append(_Open(waiting.pop()))
        bound = _bound(opened)
        while waiting and (bound is None or waiting[-1].min_started_at_us <= bound):
            opened.append(_Open(waiting.pop()))
            bound = _bound(opened)
        taken = [one.take(bound) for one in opened]
        if any(table.num_rows for table in taken):
            writer.write(_kept(in_order(pa.concat_tables(taken)), left_out))
        else:
            # All of a batch began in the same microsecond: the others that did may be in the next.
            for one in opened:
                if not one.ended and one.last() == bound:
                    one.more()
        opened = [one for one in opened if len(one) or not one.ended]
    return writer.close()


def sums(paths: Sequence[Path], left_out: Collection[str], scratch: Path) -> Sums:
    """Add up files by another reader than the one that merges (DuckDB)."""
    known = set.intersection(*(set(pq.read_schema(path).names) for path in paths)) & BY_NAME.keys()
    columns = ", ".join(f'"{name}"' for name in SCHEMA.names if name in known)
    config: dict[str, Any] = {
        "threads": 1,
        "memory_limit": _DUCKDB_MEMORY,
        "temp_directory": str(scratch / "duckdb"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(":memory:", config=config) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.execute(
            f'SELECT count(*), coalesce(sum("count"), 0), coalesce(sum(hash(row({columns}))), 0) '  # noqa: S608 - names of our own
            "FROM read_parquet($files, union_by_name = true) "
            "WHERE NOT list_contains($left_out, coalesce(environment, ''))",
            {"files": [str(path) for path in paths], "left_out": [*left_out, "-"]},
        ).fetchone()
    assert found is not None  # noqa: S101 - sums always have a row
    return Sums(int(found[0]), int(found[1]), int(found[2]))


def _bound(opened: Sequence[_Open]) -> int | None:
    """Tell up to when nothing that is not at hand can begin; None: everything is at hand."""
    return min((one.last() for one in opened if not one.ended), default=None)


def _kept(table: pa.Table, left_out: Collection[str]) -> pa.Table:
    if not left_out:
        return table
    environment = pc.fill_null(table["environment"], NO_ENVIRONMENT)
    return table.filter(pc.invert(pc.is_in(environment, pa.array(sorted(left_out), pa.string()))))


def _started(table: pa.Table) -> Any:
    return table["started_at"].cast(pa.int64())


def _count_before(table: pa.Table, moment: int) -> int:
    return int(pc.sum(pc.less(_started(table), moment)).as_py() or 0)
