import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("nodes", "0004_node_failing_logins"),
    ]

    operations = [
        migrations.CreateModel(
            name="NodeEpoch",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("epoch", models.UUIDField()),
                ("first_seen_at", models.DateTimeField()),
                ("contact_at", models.DateTimeField()),
                ("told_at", models.DateTimeField(null=True)),
                ("accepted", models.BigIntegerField(null=True)),
                ("journaled", models.BigIntegerField(null=True)),
                ("synced", models.BigIntegerField(null=True)),
                ("at_risk", models.BigIntegerField(null=True)),
                ("at_risk_since", models.DateTimeField(null=True)),
                (
                    "node",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to="nodes.node"),
                ),
            ],
            options={
                "db_table": "node_epoch",
                "constraints": [
                    models.UniqueConstraint(fields=("node", "epoch"), name="node_epoch_identity"),
                ],
            },
        ),
    ]
