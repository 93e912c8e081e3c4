"""Recorded requests, beside answers: a body without a status is one."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """The table stays; control planes of the version before go on with it."""

    dependencies: ClassVar = [("contracts", "0004_recorded")]

    operations: ClassVar = [
        migrations.RenameModel(old_name="RecordedAnswer", new_name="RecordedBody"),
        migrations.AlterField("RecordedBody", "status", models.IntegerField(null=True)),
    ]
