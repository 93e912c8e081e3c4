"""Empties a database after a test, as `flush` does, for what a test leaves: a few rows in a few tables.

On PostgreSQL `flush` gives each of the tables and of their indexes a new file, whatever was in it: that costs more than
most tests do.
"""

from __future__ import annotations

from django.core.management import call_command
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

# The table of migrations stays as it is, and its numbers go on.
ADVANCED = (
    "SELECT quote_ident(schemaname) || '.' || quote_ident(sequencename) FROM pg_sequences "
    "WHERE last_value IS NOT NULL AND sequencename != 'django_migrations_id_seq'"
)


def empty(alias: str) -> None:
    """Delete all rows of all models' tables, and let numbers begin anew."""
    connection = connections[alias]
    if connection.vendor == "postgresql":
        _delete_what_is_there(connection, alias)
    else:
        call_command("flush", database=alias, interactive=False, verbosity=0)


def _delete_what_is_there(connection: BaseDatabaseWrapper, alias: str) -> None:
    quoted = [
        connection.ops.quote_name(name) for name in connection.introspection.django_table_names(only_existing=True)
    ]
    if not quoted:
        return
    # The names are those of the models' tables.
    filled = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in quoted)  # noqa: S608
    with transaction.atomic(using=alias), connection.cursor() as cursor:
        # Whoever points at a row that goes, goes too: nobody need look.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(filled)
        for (name,) in cursor.fetchall():
            cursor.execute(f"DELETE FROM {name}")  # noqa: S608
        cursor.execute(ADVANCED)
        for (sequence,) in cursor.fetchall():
            cursor.execute(f"ALTER SEQUENCE {sequence} RESTART")
