from __future__ import annotations

import importlib

from django.db import migrations, models

from portazgo.usage.ranges import LAST_MINUTE

_level = importlib.import_module("portazgo.usage.migrations.0005_folding").level

# Folding numbers the partners that are new; those that were there are numbered here.
_PARTNERS = """
INSERT INTO usage_series (grain, partner, application, kid, route, fault, billable, price_version)
SELECT DISTINCT 3, partner, '', '', '', '', false, 0 FROM usage_series WHERE grain = 1
ON CONFLICT DO NOTHING
"""
# The worker fills what was folded until now (usage/filling.py).
_UNFILLED = "".join(
    f"INSERT INTO usage_unfilled (level, grain, whole_from) SELECT '{level}', 3, {LAST_MINUTE} "  # noqa: S608 - names and a number of our own
    "WHERE EXISTS (SELECT 1 FROM usage_series);\n"
    for level in ("hour", "six-hour", "day", "month")
)
# Six hours are made of hours, and go with them.
_HORIZON = "INSERT INTO usage_horizon (level, whole_from) SELECT 'six-hour', whole_from FROM usage_horizon WHERE level = 'hour'"
_NO_HORIZON = "DELETE FROM usage_horizon WHERE level = 'six-hour'"


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0006_lake"),
    ]

    operations = [
        _level("six_hours", "SixHoursRollup"),
        migrations.CreateModel(
            name="UnfilledGrain",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "level", "grain", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("level", models.CharField(max_length=8)),
                ("grain", models.SmallIntegerField()),
                ("whole_from", models.BigIntegerField()),
            ],
            options={
                "db_table": "usage_unfilled",
            },
        ),
        migrations.RunSQL(_PARTNERS, migrations.RunSQL.noop),
        migrations.RunSQL(_UNFILLED, migrations.RunSQL.noop),
        migrations.RunSQL(_HORIZON, _NO_HORIZON),
    ]
