"""How fast records get to the lake, how small they are there, and how fast files are merged.

    PYTHONPATH=tests python bench/lake.py [--records 1000000] [--partners 200] [--print]

Segments of three nodes are made ahead (tests/support/made_segments.py): ids as random as nodes make them, some partners call
much and most little, 2 % of calls are refused by a throttle, addresses are sealed. The child that the worker starts does all
of it on one thread: it reads segments, sorts, writes, puts the file to the store, reads it back and compares.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow.parquet as pq
from report import Figure, publish
from support.made_segments import Node

from portazgo import _native
from portazgo.lake.running import MOST_ROWS, Children
from portazgo.settings import load

MICROSECONDS = 10.0
"""Of one core: 100,000 records a second."""
BYTES = 60.0
NODES = 3
RECORDS_OF_A_SEGMENT = 1_500
PER_SECOND = 1_500
BEGAN_US = 1_795_000_000_000_000
BETWEEN_STARTS = 180_000
"""Records that a node has made when the next one starts: nodes are replaced one after the other, some minutes apart."""

Segments = list[tuple[dict[str, Any], bytes]]


def main() -> int:
    """Measure and publish. Exit code 1: a target was missed."""
    words = argparse.ArgumentParser()
    words.add_argument("--records", type=int, default=1_000_000)
    words.add_argument("--partners", type=int, default=200)
    words.add_argument("--print", action="store_true", help="Print, and publish nothing.")
    asked = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="portazgo-bench-lake-") as folder:
        settings = load({"data_dir": folder}, environment={}, file=Path(folder) / "absent.yaml")
        children = Children(settings)
        segments = made(asked.records, asked.partners)
        written, seconds, processor = measure_writing(children, segments)
        store = Path(folder) / "objects"
        merged, merge_seconds = measure_merging(children, written)
        rows = sum(told["rows"] for told in written)
        figures = [
            Figure("writing: processor time of a record", processor / rows * 1e6, "µs", MICROSECONDS),
            Figure("writing: records a second, of the clock", rows / seconds, ""),
            Figure("a record in slices", sum(told["bytes"] for told in written) / rows, "bytes"),
            Figure("a record in merged files", merged["bytes"] / rows, "bytes", BYTES),
            Figure("merging: records a second, of the clock", rows / merge_seconds, ""),
            Figure("largest child", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, "MB"),
        ]
        details = {
            "records": rows,
            "partners": asked.partners,
            "files": len(written),
            "bytes_a_record_by_column": by_column(store / merged["path"], rows),
        }
    if asked.print:
        told = [(one.name, round(one.value, 2), one.met) for one in figures]
        sys.stdout.write(json.dumps({"figures": told, **details}, indent=1) + "\n")
        return 0 if all(one.met for one in figures) else 1
    return publish("lake", figures, **details)


def made(records: int, partners: int) -> Segments:
    """Make the segments, second by second, as nodes that are equally busy do."""
    chance = np.random.default_rng(20_261_126)
    nodes = [Node(chance, UUID(int=one), UUID(int=2**100 + one), partners=partners) for one in range(NODES)]
    for number, node in enumerate(nodes):
        node.next_sequence += (NODES - 1 - number) * BETWEEN_STARTS
    segments: Segments = []
    for second in range(records // (NODES * RECORDS_OF_A_SEGMENT)):
        for node in nodes:
            first, content = node.segment(BEGAN_US + second * 1_000_000, RECORDS_OF_A_SEGMENT, PER_SECOND)
            told = _native.summarize_segment(content)
            order = {
                "manifest": len(segments),
                "epoch": str(node.epoch),
                "first": first,
                "last": told["last"],
                "count": told["count"],
                "requests": told["count"],
                "sha256": told["sha256"],
                "bytes": len(content),
            }
            segments.append((order, content))
    return segments


def measure_writing(children: Children, segments: Segments) -> tuple[list[dict[str, Any]], float, float]:
    """Write them, as much in each file as the worker does. Returns what was told, the seconds, and those of the processor."""
    each = MOST_ROWS // RECORDS_OF_A_SEGMENT
    written = []
    began, processor = time.perf_counter(), _of_children()
    for number, start in enumerate(range(0, len(segments), each)):
        some = segments[start : start + each]
        path = f"lake/day=2026-11-18/{number}.parquet"
        order = {"do": "write", "name": path, "segments": [told for told, _ in some]}
        written.append({"path": path, **children.carry_out(order, (content for _, content in some))})
    return written, time.perf_counter() - began, _of_children() - processor


def measure_merging(children: Children, written: list[dict[str, Any]]) -> tuple[dict[str, Any], float]:
    """Merge all of them."""
    path = "lake/day=2026-11-18/merged.parquet"
    began = time.perf_counter()
    told = children.carry_out({"do": "merge", "name": path, "files": written, "left_out": []})
    return {"path": path, **told}, time.perf_counter() - began


def by_column(path: Path, rows: int) -> dict[str, float]:
    """Tell what each column costs a record, the largest first."""
    sizes: dict[str, int] = defaultdict(int)
    metadata = pq.ParquetFile(path).metadata
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            sizes[chunk.path_in_schema] += chunk.total_compressed_size
    largest = sorted(sizes.items(), key=lambda entry: -entry[1])
    return {name: round(size / rows, 2) for name, size in largest}


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    raise SystemExit(main())
