import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0004_secret_numbers"),
    ]

    operations = [
        migrations.AddField(
            model_name="key",
            name="deleted_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="key",
            name="disabled_because",
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.AddField(
            model_name="key",
            name="dormancy_announced_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="key",
            name="enabled_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="key",
            name="last_used_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="key",
            name="route_tags",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="key",
            name="routes",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="key",
            name="tags",
            field=models.JSONField(db_default=[]),
        ),
        migrations.AddIndex(
            model_name="key",
            index=models.Index(fields=["created_at", "kid"], name="key_age"),
        ),
        migrations.CreateModel(
            name="KeyTag",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("tag", models.CharField(max_length=63)),
                (
                    "key",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="labels", to="keys.key"
                    ),
                ),
            ],
            options={
                "db_table": "key_tag",
                "constraints": [models.UniqueConstraint(fields=("tag", "key"), name="key_tag_once")],
            },
        ),
        # Until now only an operator could disable a key.
        migrations.RunSQL(
            """UPDATE "key" SET disabled_because = 'operator' WHERE status = 'disabled'""", migrations.RunSQL.noop
        ),
    ]
