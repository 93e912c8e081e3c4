"""`python -m portazgo.lake.child`: writes or merges one file of the lake, and ends. It knows no database.

It reads an order (a line of JSON) and, to write, the bytes of segments; it answers with a line of JSON. A file counts only
after it was read back from the store and compared. Memory is bounded (RLIMIT_AS); time is bounded by whoever started it.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from portazgo.kit.objects import ObjectMissing, ObjectsFailed, ObjectStore, open_store
from portazgo.kit.objects.uri import S3, Folder
from portazgo.kit.parent import die_with_parent

NICE = 10
FOOTER_BYTES = 72
"""Of a segment: its hash covers what stands before (native/crates/core/src/record/segment.rs)."""


class Unfit(Exception):
    """Something is not as it must be. To blame, if it is one of them: `manifest` a segment, `file` one of the lake."""

    def __init__(self, sentence: str, manifest: int | None = None, file: str | None = None) -> None:
        super().__init__(sentence)
        self.manifest = manifest
        self.file = file


def main() -> int:
    """Carry the order out. Exit code 1: it was not, and the answer says why."""
    die_with_parent()
    os.nice(NICE)
    source = sys.stdin.buffer
    try:
        order = json.loads(source.readline())
        resource.setrlimit(resource.RLIMIT_AS, (order["memory_bytes"], order["memory_bytes"]))
        carry_out = {"write": _write, "merge": _merge}[order["do"]]
        answer = carry_out(order, _store(order["store"]), source)
    except Unfit as problem:
        answer = {"failed": str(problem), "manifest": problem.manifest, "file": problem.file}
    except ObjectsFailed as problem:
        answer = {"failed": str(problem)}
    except MemoryError:
        answer = {"failed": "it takes more memory than is given to it"}
    except OSError as problem:
        answer = {"failed": f"the scratch folder can't be used ({problem.strerror})"}
    json.dump(answer, sys.stdout)
    return 1 if "failed" in answer else 0


def _write(order: Mapping[str, Any], store: ObjectStore, source: IO[bytes]) -> dict[str, Any]:
    import pyarrow as pa  # noqa: PLC0415 - after the bounds are set

    from portazgo.lake.arrow import in_order  # noqa: PLC0415 - likewise
    from portazgo.lake.parquet import Writer, batches  # noqa: PLC0415 - likewise

    pa.set_cpu_count(1)
    table = in_order(pa.concat_tables([_segment(told, source) for told in order["segments"]]))
    path = Path(order["scratch"]) / "written.parquet"
    writer = Writer(path)
    writer.write(table)
    told = writer.close()
    back = _read_back(order, store, path, told.sha256)
    at = 0
    for rows in batches(back, 1 << 16):
        if not rows.equals(table.slice(at, rows.num_rows)):
            raise Unfit(
                f"rows {at} to {at + rows.num_rows} read back from {order['name']} are not those that were written"
            )
        at += rows.num_rows
    if at != sum(segment["count"] for segment in order["segments"]):
        raise Unfit(f"{order['name']} has {at} rows, and the segments have more or less")
    return asdict(told)


def _segment(told: Mapping[str, Any], source: IO[bytes]) -> Any:
    """Read a segment's records, and compare them with its manifest."""
    import hashlib  # noqa: PLC0415 - with the rest

    import pyarrow.compute as pc  # noqa: PLC0415 - after the bounds are set

    from portazgo.lake.arrow import table_of  # noqa: PLC0415 - likewise

    content = source.read(told["bytes"])
    if len(content) < told["bytes"]:
        raise Unfit("whoever gave the order is gone")
    try:
        table = table_of(content)
    except ValueError as problem:
        raise Unfit(f"a segment can't be read: {problem}", told["manifest"]) from None
    sequences = pc.min_max(table["sequence"]).as_py()
    found = {
        "sha256": hashlib.sha256(content[:-FOOTER_BYTES]).hexdigest(),
        "epochs": pc.unique(table["epoch"]).to_pylist(),
        "first": sequences["min"],
        "last": sequences["max"],
        "count": table.num_rows,
        "requests": pc.sum(table["count"]).as_py(),
    }
    expected = {name: told[name] for name in found.keys() - {"epochs"}} | {"epochs": [told["epoch"]]}
    if found != expected:
        raise Unfit("a segment's records are not those of its manifest", told["manifest"])
    return table


def _merge(order: Mapping[str, Any], store: ObjectStore, _source: IO[bytes]) -> dict[str, Any]:
    import pyarrow as pa  # noqa: PLC0415 - after the bounds are set

    from portazgo.lake import merging  # noqa: PLC0415 - likewise

    pa.set_cpu_count(1)
    scratch = Path(order["scratch"])
    sources = []
    for number, file in enumerate(order["files"]):
        path = scratch / f"{number}.parquet"
        _fetch(file, store, path)
        sources.append(merging.Source(path, file["min_started_at_us"]))
    target = scratch / "merged.parquet"
    told = merging.merge(sources, target, order["left_out"])
    expected = merging.sums([source.path for source in sources], order["left_out"], scratch)
    back = _read_back(order, store, target, told.sha256)
    found = merging.sums([back], (), scratch)
    if found != expected or found.rows != told.rows:
        raise Unfit(f"what was read back from {order['name']} is not what was merged: {found} and not {expected}")
    return asdict(told)


def _fetch(file: Mapping[str, Any], store: ObjectStore, path: Path) -> None:
    """Fetch a file of the lake, as it was written."""
    from portazgo.lake.parquet import sha256_of  # noqa: PLC0415 - after the bounds are set

    name = file["path"]
    try:
        store.get_file(name, path)
    except ObjectMissing:
        raise Unfit(f"{name} is missing: restore it from a copy of the object store", file=name) from None
    if sha256_of(path) != file["sha256"]:
        raise Unfit(f"{name} is not as it was written: restore it from a copy of the object store", file=name)


def _read_back(order: Mapping[str, Any], store: ObjectStore, path: Path, sha256: str) -> Path:
    """Write a file to the store, and fetch it from there. Returns where it lies now."""
    from portazgo.lake.parquet import sha256_of  # noqa: PLC0415 - after the bounds are set

    store.put_file(order["name"], path)
    back = path.with_name("back.parquet")
    store.get_file(order["name"], back)
    if sha256_of(back) != sha256:
        raise Unfit(f"the store gives other bytes for {order['name']} than were written")
    return back


def _store(told: Mapping[str, Any]) -> ObjectStore:
    return open_store(Folder(Path(told["path"])) if "path" in told else S3(**told))


if __name__ == "__main__":
    sys.exit(main())
