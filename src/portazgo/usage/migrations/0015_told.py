"""Answers that contracts projected, by month."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """One table."""

    dependencies: ClassVar = [("usage", "0014_segments_as_they_are")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="ToldAnswers",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("month", models.CharField(max_length=7)),
                ("partner", models.CharField(max_length=36)),
                ("application", models.CharField(max_length=36)),
                ("route", models.CharField(max_length=36)),
                ("contract_version", models.BigIntegerField()),
                ("backend_status", models.IntegerField()),
                ("answers", models.BigIntegerField()),
            ],
            options={"db_table": "usage_told"},
        ),
        migrations.AddConstraint(
            model_name="toldanswers",
            constraint=models.UniqueConstraint(
                fields=("month", "partner", "application", "route", "contract_version", "backend_status"),
                name="usage_told_key",
            ),
        ),
    ]
