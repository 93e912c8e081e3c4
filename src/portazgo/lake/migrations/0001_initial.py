import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="LakeWrite",
            fields=[
                ("path", models.CharField(max_length=128, primary_key=True, serialize=False)),
                ("begun_at", models.DateTimeField()),
                ("abandoned_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "lake_write",
            },
        ),
        migrations.CreateModel(
            name="LakeFile",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("path", models.CharField(max_length=128, unique=True)),
                ("day", models.DateField()),
                ("schema_version", models.SmallIntegerField()),
                ("level", models.SmallIntegerField()),
                ("segments", models.IntegerField()),
                ("rows", models.BigIntegerField()),
                ("dropped_rows", models.BigIntegerField(default=0)),
                ("requests", models.BigIntegerField()),
                ("bytes", models.BigIntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("min_started_at_us", models.BigIntegerField()),
                ("max_started_at_us", models.BigIntegerField()),
                ("min_request_id", models.CharField(max_length=36)),
                ("max_request_id", models.CharField(max_length=36)),
                ("written_at", models.DateTimeField()),
                ("replaced_at", models.DateTimeField(null=True)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "replaced_by",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="lake.lakefile"
                    ),
                ),
            ],
            options={
                "db_table": "lake_file",
                "indexes": [
                    models.Index(
                        condition=models.Q(("replaced_at__isnull", True)),
                        fields=["min_started_at_us", "max_started_at_us"],
                        name="lake_file_time",
                    ),
                    models.Index(
                        condition=models.Q(("replaced_at__isnull", True)), fields=["day"], name="lake_file_day"
                    ),
                    models.Index(
                        condition=models.Q(("deleted_at__isnull", True), ("replaced_at__isnull", False)),
                        fields=["replaced_at"],
                        name="lake_file_leaving",
                    ),
                ],
            },
        ),
    ]
