"""Empties a database after a test, as `flush` does, for what a test leaves: a few rows in a few tables.

`flush` deletes from every table whatever is in it, and on PostgreSQL gives each of the tables and of their indexes a new
file: that costs more than most tests do.
"""

from __future__ import annotations

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

# The table of migrations stays as it is, and its numbers go on.
ADVANCED = (
    "SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename) FROM pg_sequences "
    "WHERE last_value IS NOT NULL AND sequencename != 'django_migrations_id_seq'"
)


def empty(alias: str) -> None:
    """Delete all rows of all models' tables, and let numbers begin anew."""
    connection = connections[alias]
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Whoever points at a row that goes, goes too: nobody need look. SQLite looks at the end.
            cursor.execute("SET LOCAL session_replication_role = replica")
        for name in _filled(connection, cursor):
            cursor.execute(f"DELETE FROM {name}")  # noqa: S608 - the names are those of the models' tables
        _begin_numbers_anew(connection, cursor)


def _filled(connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> list[str]:
    names = connection.introspection.django_table_names(only_existing=True)
    quoted = [connection.ops.quote_name(name) for name in names]
    looks = (f"SELECT '{name}' WHERE EXISTS (SELECT 1 FROM {name})" for name in quoted)  # noqa: S608 - likewise
    cursor.execute(" UNION ALL ".join(looks))
    return [name for (name,) in cursor.fetchall()]


def _begin_numbers_anew(connection: BaseDatabaseWrapper, cursor: CursorWrapper) -> None:
    if connection.vendor == "sqlite":
        cursor.execute("DELETE FROM sqlite_sequence WHERE name != 'django_migrations'")
        return
    cursor.execute(ADVANCED)
    for (sequence,) in cursor.fetchall():
        cursor.execute(f"ALTER SEQUENCE {sequence} RESTART")
