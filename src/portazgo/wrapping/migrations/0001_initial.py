from django.db import migrations, models

import portazgo.kit.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Rewrapping",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portazgo.kit.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("target", models.CharField(max_length=100)),
                ("started_by", models.CharField(max_length=63)),
                ("started_at", models.DateTimeField()),
                ("finished_at", models.DateTimeField(null=True)),
                ("total", models.BigIntegerField()),
                ("done", models.BigIntegerField(default=0)),
                ("place", models.JSONField(null=True)),
                ("again_at", models.DateTimeField(null=True)),
                ("trouble", models.TextField(blank=True)),
            ],
            options={
                "db_table": "rewrapping",
            },
        ),
    ]
