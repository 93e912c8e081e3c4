"""Looks at one database without changing it: neither made nor migrated, whatever is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from portazgo.care import postgresql_dumps
from portazgo.care.facts import Queries, Rows
from portazgo.care.failed import CareFailed

if TYPE_CHECKING:
    from portazgo.settings_kinds import DatabaseURL

BUSY_SECONDS = 5.0


@contextmanager
def looked_at(url: DatabaseURL, schema: str) -> Iterator[Queries]:
    """Run queries on a database that may be in use. Raises CareFailed."""
    if url.is_sqlite:
        with _sqlite(Path(url.name)) as query:
            yield query
        return
    with postgresql_dumps.connected(url) as connection:
        connection.execute("SET TRANSACTION READ ONLY")
        postgresql_dumps.search_in(connection, schema)
        yield postgresql_dumps.queries(connection, url)


@contextmanager
def _sqlite(file: Path) -> Iterator[Queries]:
    try:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY_SECONDS)
    except sqlite3.Error as problem:
        raise CareFailed(
            f"the database {file} can't be opened ({problem})", "look at the file's owner and mode"
        ) from None

    def query(sql: str) -> Rows:
        try:
            return connection.execute(sql).fetchall()
        except sqlite3.Error as problem:
            raise CareFailed(
                f"the database {file} can't be read ({problem})",
                "restore the newest sound backup, or run `portazgo migrate`",
            ) from None

    with closing(connection):
        yield query
