import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("routes", "0002_upgrades_retries_timeouts"),
    ]

    operations = [
        migrations.AddField(
            model_name="route",
            name="tags",
            field=models.JSONField(db_default=[]),
        ),
        migrations.CreateModel(
            name="RouteTag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tag", models.CharField(max_length=63)),
                (
                    "route",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="labels", to="routes.route"
                    ),
                ),
            ],
            options={
                "db_table": "route_tag",
                "constraints": [models.UniqueConstraint(fields=("tag", "route"), name="route_tag_once")],
            },
        ),
    ]
