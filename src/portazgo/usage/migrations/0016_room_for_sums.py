"""PostgreSQL leaves room in the pages of fresh sums: a sum that grows stays in its page, and no index is written for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import migrations

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _leave_room(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE usage_fresh SET (fillfactor = 50)")


def _fill(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE usage_fresh RESET (fillfactor)")


class Migration(migrations.Migration):
    """The table is small, and soon written anew: pages that are there stay as they are."""

    dependencies: ClassVar = [("usage", "0015_told")]

    operations: ClassVar = [migrations.RunPython(_leave_room, _fill)]
