"""PostgreSQL compresses no segments any more: it took half of the server's time, for bytes that are kept for some minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db import migrations

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def _keep_as_they_are(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE usage_segment ALTER COLUMN content SET STORAGE EXTERNAL")


def _compress(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE usage_segment ALTER COLUMN content SET STORAGE EXTENDED")


class Migration(migrations.Migration):
    """Rows that are there stay as they are."""

    dependencies: ClassVar = [("usage", "0013_unexplained")]

    operations: ClassVar = [migrations.RunPython(_keep_as_they_are, _compress)]
