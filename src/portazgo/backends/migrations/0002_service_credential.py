import django.db.models.deletion
from django.db import migrations, models

import portazgo.kit.ids


class Migration(migrations.Migration):
    dependencies = [
        ("backends", "0001_initial"),
        ("partners", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="ServiceCredential",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portazgo.kit.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("environment", models.CharField(max_length=8)),
                ("names", models.JSONField()),
                ("wrapped", models.TextField()),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                (
                    "backend",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_credentials",
                        to="backends.backend",
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="service_credentials",
                        to="partners.partner",
                    ),
                ),
            ],
            options={
                "db_table": "service_credential",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("backend", "environment", "partner"), name="service_credential_of_partner"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("partner__isnull", True)),
                        fields=("backend", "environment"),
                        name="service_credential_shared",
                    ),
                ],
            },
        ),
    ]
