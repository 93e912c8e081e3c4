"""What versions tell, by number."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """One table."""

    dependencies: ClassVar = [("contracts", "0001_initial")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="ToldFields",
            fields=[
                ("number", models.BigIntegerField(primary_key=True, serialize=False)),
                ("contract", models.CharField(max_length=63)),
                ("name", models.CharField(max_length=16)),
                ("routes", models.BinaryField()),
                (
                    "version",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="told",
                        to="contracts.contractversion",
                    ),
                ),
            ],
            options={"db_table": "contract_told"},
        ),
    ]
