"""An acceptance covers an uneven account too; older ones cover none."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """One column."""

    dependencies: ClassVar = [("usage", "0012_dropped_index")]

    operations: ClassVar = [
        migrations.AddField(
            model_name="acceptedgap",
            name="unexplained",
            field=models.BigIntegerField(default=0, db_default=0),
        ),
    ]
