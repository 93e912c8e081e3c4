from django.db import migrations, models

# What was collected before there were accounts is in them too.
_FILL = """
INSERT INTO usage_epoch_account (node, epoch, last_sequence, collected, rolled_up, requests, ended_at_us)
SELECT node, epoch, MAX(last_sequence), SUM(count), SUM(rolled_up), SUM(requests), MAX(ended_at_us)
FROM usage_manifest GROUP BY node, epoch
"""


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0009_sealed_callers"),
    ]

    operations = [
        migrations.CreateModel(
            name="EpochAccount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("node", models.UUIDField()),
                ("epoch", models.UUIDField()),
                ("last_sequence", models.BigIntegerField(default=0)),
                ("collected", models.BigIntegerField(default=0)),
                ("rolled_up", models.BigIntegerField(default=0)),
                ("requests", models.BigIntegerField(default=0)),
                ("ended_at_us", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "usage_epoch_account",
                "constraints": [
                    models.UniqueConstraint(fields=("epoch", "node"), name="usage_epoch_account_key"),
                ],
            },
        ),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
        migrations.CreateModel(
            name="AcceptedGap",
            fields=[
                ("epoch", models.UUIDField(primary_key=True, serialize=False)),
                ("node", models.UUIDField()),
                ("missing", models.BigIntegerField()),
                ("seconds_at_risk", models.FloatField()),
                ("reason", models.CharField(max_length=500)),
                ("accepted_by", models.CharField(max_length=128)),
                ("accepted_at", models.DateTimeField()),
            ],
            options={
                "db_table": "usage_accepted_gap",
            },
        ),
        migrations.AddField(
            model_name="epochend",
            name="accepted",
            field=models.BigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="epochend",
            name="declared",
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
