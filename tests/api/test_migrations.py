"""Whether databases are at this version is told by the names of migrations: they must be those that Django would apply."""

from __future__ import annotations

from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from portazgo.control.databases import known_migrations, require_migrated


def test_the_names_that_are_looked_for_are_those_that_django_applies() -> None:
    assert known_migrations() == set(MigrationLoader(None).graph.nodes)


def test_what_was_migrated_is_up_to_date_for_django_too(database: None) -> None:
    require_migrated()
    for alias in ("default", "ledger"):
        executor = MigrationExecutor(connections[alias])
        assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
