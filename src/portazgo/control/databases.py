"""Making, updating and judging the two databases."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from django.apps import apps
from django.core.management import call_command
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.db.utils import DatabaseError, OperationalError

from portazgo.control.database_options import LEDGER_SCHEMA, STATE_SCHEMA
from portazgo.kit.errors import StartRefused
from portazgo.snapshot.log import begin_history

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

Migration = tuple[str, str]
"""Its app's label, and its name."""
SCHEMAS = {"default": STATE_SCHEMA, "ledger": LEDGER_SCHEMA}


def migrate() -> None:
    """Make or update both databases, and begin the history of an empty one. Raises StartRefused."""
    for alias, schema in SCHEMAS.items():
        connection = reach(alias)
        _make_schema(connection, schema)
        if _missing(connection):
            call_command("migrate", database=alias, interactive=False, verbosity=0)
    begin_history()


def require_migrated() -> None:
    """Raise StartRefused unless both databases are exactly at this version's migrations."""
    for alias in SCHEMAS:
        connection = reach(alias)
        if _missing(connection):
            raise StartRefused(
                f"the database {described(connection)} is older than this version of Portazgo", "run `portazgo migrate`"
            )


def reach(alias: str) -> BaseDatabaseWrapper:
    """Connect. Raises StartRefused with where it tried."""
    connection = connections[alias]
    try:
        connection.ensure_connection()
    except DatabaseError as problem:
        variable = "PORTAZGO_STATE_URL" if alias == "default" else "PORTAZGO_LEDGER_URL"
        reason = str(problem).strip().splitlines()[0]
        if not isinstance(problem, OperationalError):
            raise StartRefused(
                f"the database {described(connection)} can't be read ({reason})",
                f"restore the newest sound backup (docs/operations.md), or correct {variable}",
            ) from None
        raise StartRefused(
            f"the database {described(connection)} can't be reached ({reason})", f"start it, or correct {variable}"
        ) from None
    return connection


def described(connection: BaseDatabaseWrapper) -> str:
    """Say where a database is, without user or password."""
    place = connection.settings_dict
    if connection.vendor == "sqlite":
        return str(place["NAME"])
    return f"{place['NAME']} at {place['HOST'] or 'the local socket'}, schema {SCHEMAS[connection.alias]}"


def _make_schema(connection: BaseDatabaseWrapper, schema: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")


def _missing(connection: BaseDatabaseWrapper) -> set[Migration]:
    """Name this version's migrations that a database has not had. Raises StartRefused when it had others.

    The names are enough, and they are all that a database notes: to import the migrations, and to make the models of each
    of them, takes longer than all else that a start does.
    """
    applied, known = set(MigrationRecorder(connection).applied_migrations()), known_migrations()
    if unknown := sorted(applied - known):
        app, name = unknown[-1]
        raise StartRefused(
            f"the database {described(connection)} is newer than this version of Portazgo (it has {app} {name})",
            "install the version that made it, or restore a backup",
        )
    return known - applied


def known_migrations() -> set[Migration]:
    """Name the migrations of this version, by the files that Django would import."""
    return {
        (app.label, module.name)
        for app in apps.get_app_configs()
        for module in pkgutil.iter_modules([str(Path(app.path, "migrations"))])
    }
