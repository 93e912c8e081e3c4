"""Copies of SQLite files while others write to them (SQLite's online backup), and their places on restore.

Source: sqlite.org/backup.html. One step copies the whole in one read transaction: in WAL mode writers go on meanwhile,
and a copy in several steps would begin anew at every write of another process.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from portazgo.care.facts import Queries, Rows
from portazgo.care.failed import CareFailed
from portazgo.kit.files import PRIVATE_MODE

BUSY_SECONDS = 10.0


def copy_database(source: Path, target: Path) -> None:
    """Write a whole, sound copy of one moment to a new file of mode 0600. Raises CareFailed, OSError."""
    os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE))
    try:
        with _reading(source) as reading, closing(sqlite3.connect(target)) as writing:
            reading.backup(writing, pages=-1)
            # A single file, without a log beside it; the service makes it WAL again when it opens it.
            writing.execute("PRAGMA journal_mode=DELETE")
        require_sound(target)
    except sqlite3.Error as problem:
        raise CareFailed(
            f"the database {source} can't be copied ({problem})", "look at it with `portazgo doctor`"
        ) from None
    with target.open("rb") as file:
        os.fsync(file.fileno())


def require_sound(file: Path) -> None:
    """Raise CareFailed when SQLite finds fault with a file."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        try:
            found = connection.execute("PRAGMA quick_check").fetchone()[0]
        except sqlite3.Error as problem:
            found = str(problem)
    if found != "ok":
        raise CareFailed(f"the database {file} is damaged ({found})", "restore the newest sound backup")


@contextmanager
def queries(file: Path) -> Iterator[Queries]:
    """Run queries on a file that nobody else writes to. Raises CareFailed where they fail."""
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:

        def query(sql: str) -> Rows:
            try:
                return connection.execute(sql).fetchall()
            except sqlite3.Error as problem:
                raise CareFailed(
                    f"{file} is no database of Portazgo ({problem})", "look at it with `portazgo doctor`"
                ) from None

        yield query


def _reading(source: Path) -> closing[sqlite3.Connection]:
    # Not read-only: a log that a crash left beside the file must be read too. Never made when it is missing.
    return closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS))
