"""The child of usage/parquet.py: reads columns and rows as lines of JSON, writes a Parquet file. Knows nothing of Portazgo.

Run as `python -m portazgo.usage.parquet_writer`, with the file as standard output.
"""

from __future__ import annotations

import json
import os
import resource
import sys

MOST_MEMORY_BYTES = 2 * 1024**3
"""Of addresses; what it uses is a tenth of that."""
MOST_CPU_SECONDS = 600
ROWS_A_GROUP = 65_536


def main() -> None:
    """Write what is read; a line that can't be read ends it, and the file is no Parquet then."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_CPU_SECONDS, MOST_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
    import pyarrow as pa  # noqa: PLC0415 - with its limits set
    from pyarrow import parquet  # noqa: PLC0415 - likewise

    pa.set_cpu_count(1)
    kinds = {
        "string": pa.string(),
        "int64": pa.int64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", tz="UTC"),
    }
    lines = sys.stdin.buffer
    schema = pa.schema([pa.field(name, kinds[kind]) for name, kind in json.loads(lines.readline())])
    waiting: list[list[object]] = []
    with parquet.ParquetWriter(pa.PythonFile(sys.stdout.buffer, mode="w"), schema, compression="zstd") as writer:

        def write() -> None:
            columns = [
                pa.array(values, kind) for values, kind in zip(zip(*waiting, strict=True), schema.types, strict=True)
            ]
            writer.write_table(pa.table(columns, schema=schema))
            waiting.clear()

        for line in lines:
            waiting += json.loads(line)
            if len(waiting) >= ROWS_A_GROUP:
                write()
        if waiting:
            write()


if __name__ == "__main__":
    main()
