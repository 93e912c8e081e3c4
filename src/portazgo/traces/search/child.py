"""The process that reads the lake: a question a line on stdin, an answer a line on stdout (`python -m` this module).

It has no credential, no network and no connection to a database. DuckDB may open the files of the question and nothing
else: every question gets an instance of its own, which is locked before the first value of a caller's comes near it. A
minute after the last question it begins anew, which gives its memory back and leaves it ready. It ends by itself: when
nobody asked for an hour, when whoever started it is gone, when an answer takes too long.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from portazgo.lake.columns import COLUMNS, Kind
from portazgo.traces.search.question import Question, columns_statement, statement

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMORY = "384MB"
THREADS = 2
RESTED_SECONDS = 60.0
UNASKED_SECONDS = 3_600.0
KILLED_FIRST = "800"
"""Of /proc/PID/oom_score_adj: where memory is short this process goes, and no other."""
NICER = 5
_BINARY = frozenset(place for place, column in enumerate(COLUMNS) if column.kind is Kind.BYTES)


def main() -> int:
    """Answer until nobody asks any more."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(KILLED_FIRST)
    os.setpriority(os.PRIO_PROCESS, 0, NICER)
    # Made ahead: to make an instance costs as much as to look an id up in it.
    database = _opened()
    patience = UNASKED_SECONDS
    while select.select([sys.stdin], [], [], patience)[0]:
        # One question at a time: nothing is left in the buffer that `select` would not see.
        line = sys.stdin.readline()
        if not line:
            return 0
        order = json.loads(line)
        # The kernel ends what takes too long, also where whoever asked is gone.
        signal.setitimer(signal.ITIMER_REAL, order["seconds"])
        answer = _answer(Question.of(order["question"]), database)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
        sys.stdout.flush()
        database = _opened()
        patience = RESTED_SECONDS
    if patience == RESTED_SECONDS:
        # A question that comes meanwhile waits in the pipe. To start takes longer than to look an id up.
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - its own, without a shell as it should be
    return 0


def _answer(question: Question, database: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    gone = [path for path in question.files if not Path(path).exists()]
    if gone:
        return {"error": "missing", "why": gone[0]}
    try:
        with _locked(database, question.files):
            columns = _columns(database, question)
            rows = database.execute(*statement(question, columns)).fetchall()
    except (duckdb.OutOfMemoryException, MemoryError):
        return {"error": "memory"}
    except duckdb.IOException as problem:
        # Deleted in this very moment.
        missing = "Cannot open file" in str(problem)
        return {"error": "missing" if missing else "unreadable", "why": str(problem)[:500]}
    except duckdb.Error as problem:
        return {"error": "unreadable", "why": f"{type(problem).__name__}: {problem}"[:500]}
    return _told(question, rows)


def _told(question: Question, rows: list[Any]) -> dict[str, Any]:
    match question.kind:
        case "count":
            return {"count": rows[0][0]}
        case "callers":
            return {"callers": rows}
        case "newest":
            return {"rows": [_plain(row) for row in rows]}


def _opened() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect(
        config={
            "memory_limit": MEMORY,
            "threads": THREADS,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
        }
    )
    database.execute("SET temp_directory = ''")
    database.execute("SET TimeZone = 'UTC'")
    return database


def _locked(database: duckdb.DuckDBPyConnection, files: Sequence[str]) -> duckdb.DuckDBPyConnection:
    """Let an instance that was not asked anything open these files, and nothing else for ever."""
    database.execute("SET allowed_paths = ?", [list(files)])
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def _columns(database: duckdb.DuckDBPyConnection, question: Question) -> list[str]:
    if not question.mixed:
        return [column.name for column in COLUMNS]
    return [str(described[0]) for described in database.execute(*columns_statement(question)).description or ()]


def _plain(row: tuple[Any, ...]) -> list[Any]:
    if not _BINARY:
        return list(row)
    return [
        base64.b64encode(value).decode() if place in _BINARY and value is not None else value
        for place, value in enumerate(row)
    ]


if __name__ == "__main__":
    sys.exit(main())
