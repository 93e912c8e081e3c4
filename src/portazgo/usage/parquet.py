"""Reports as Parquet. The file is written by a child process: Arrow never gets into this one, and the child has its limits."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from portazgo.kit.errors import Invalid, TooMany, Unavailable
from portazgo.usage.rollups import SUMS

if TYPE_CHECKING:
    from pathlib import Path

logger = logging.getLogger(__name__)

MOST_ROWS = 2_000_000
"""Some 60 MB of a file, and two minutes of work."""
LONGEST_SECONDS = 600.0
WAIT_SECONDS = 10.0
"""For another file that is being written."""
PROGRAM = "portazgo.usage.parquet_writer"

_ROWS_AT_ONCE = 1_000
_TOLD_BYTES = 2_000
_one_at_a_time = threading.Lock()
# What is no text, and not null.
_KINDS = {**dict.fromkeys(SUMS, "int64"), "billable": "bool", "since": "timestamp", "until": "timestamp"}


def parquet_file(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], folder: Path) -> IO[bytes]:
    """Write rows into a file without a name in a folder; it is at its beginning, and gone when it is closed.

    Raises Invalid for too many rows, TooMany while another file is written, Unavailable when the child fails.
    """
    if not _one_at_a_time.acquire(timeout=WAIT_SECONDS):
        raise TooMany(
            "another report is being written as Parquet", code="usage_file_busy", remedy="ask again in a moment"
        )
    try:
        return _written(columns, rows, folder)
    finally:
        _one_at_a_time.release()


def _written(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], folder: Path) -> IO[bytes]:
    file = tempfile.TemporaryFile(dir=folder, prefix="usage-", suffix=".parquet")  # noqa: SIM115 - the caller's
    try:
        _write(columns, rows, file)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return file


def _write(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], file: IO[bytes]) -> None:
    with tempfile.TemporaryFile() as told, _writer(file, told) as child:
        # Where it ends before it has read all, it says why.
        with suppress(BrokenPipeError):
            for line in _lines(columns, rows):
                child.stdin.write(line)  # type: ignore[union-attr]  # it is a pipe
            child.stdin.close()  # type: ignore[union-attr]  # likewise
        if child.wait() != 0:
            raise _failed(child.returncode, told)


def _failed(exit_code: int, told: IO[bytes]) -> Unavailable:
    told.seek(0)
    logger.error(
        "a report could not be written as Parquet",
        extra={"exit": exit_code, "told": told.read(_TOLD_BYTES).decode(errors="replace")},
    )
    return Unavailable(
        "the report could not be written as Parquet",
        code="usage_file_failed",
        remedy="take it as CSV (format=csv), or ask for less; the log of the control plane says more",
    )


@contextmanager
def _writer(file: IO[bytes], told: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    # It gets no environment: there are secrets in ours. -I: nor does the working directory choose what code it runs.
    child = subprocess.Popen(
        [sys.executable, "-I", "-m", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=file,
        stderr=told,
        env={"LC_ALL": "C.UTF-8"},
        cwd="/",
    )
    too_late = threading.Timer(LONGEST_SECONDS, child.kill)
    too_late.daemon = True
    too_late.start()
    try:
        yield child
    finally:
        too_late.cancel()
        child.kill()
        with suppress(BrokenPipeError):
            child.stdin.close()  # type: ignore[union-attr]  # it is a pipe
        child.wait()


def _lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    """Give the columns, then some rows a line."""
    yield _line([[name, _KINDS.get(name, "string")] for name in columns])
    waiting, count = iter(rows), 0
    while some := list(islice(waiting, _ROWS_AT_ONCE)):
        count += len(some)
        if count > MOST_ROWS:
            raise Invalid(
                f"the report has more than {MOST_ROWS:,} rows",
                [{"pointer": "/group_by", "message": "this makes too many rows"}],
                code="usage_too_many_rows",
                remedy="ask for a shorter range or a longer interval, or group by less; CSV has no limit",
            )
        yield _line([[_value(name, row.get(name)) for name in columns] for row in some])


def _line(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _value(name: str, value: Any) -> Any:
    if _KINDS.get(name) == "timestamp" and value is not None:
        return round(datetime.fromisoformat(value).timestamp()) * 1_000_000
    return value
