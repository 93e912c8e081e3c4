"""The end that a schedule gave a secret is remembered, so that no rotation and no cancelling of one loses it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations, models

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def remember(apps: Apps, _schema: BaseDatabaseSchemaEditor) -> None:
    """Of current secrets it stands in `ends_at`: only the schedule gives one to those that did not leak."""
    secrets: Any = apps.get_model("keys", "KeySecret").objects
    given = secrets.filter(slot="current", due_told_at__isnull=False, ends_at__isnull=False, leaked_at=None)
    given.update(schedule_ends_at=models.F("ends_at"))


class Migration(migrations.Migration):
    dependencies = [("keys", "0007_due_and_stuck")]

    operations = [
        migrations.AddField("keysecret", "schedule_ends_at", models.DateTimeField(null=True)),
        migrations.RunPython(remember, migrations.RunPython.noop),
    ]
