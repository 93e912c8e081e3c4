"""A ledger that nobody can write for a while: SQLite's one writer is taken, or PostgreSQL's table is locked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg

from portazgo.settings_kinds import DatabaseURL


@contextmanager
def held(ledger: DatabaseURL, url: str | None = None) -> Iterator[None]:
    """Hold it while the `with` lasts; `url`: PostgreSQL's, as libpq takes it."""
    if ledger.is_sqlite:
        with closing(sqlite3.connect(ledger.name, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        return
    assert url is not None
    with psycopg.connect(url) as held_by, held_by.transaction():
        held_by.execute("LOCK TABLE ledger.usage_manifest IN ACCESS EXCLUSIVE MODE")
        yield
