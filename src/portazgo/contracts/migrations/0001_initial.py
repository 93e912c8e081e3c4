import django.db.models.deletion
from django.db import migrations, models

import portazgo.kit.ids


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("apis", "0001_initial"),
        ("applications", "0001_initial"),
        ("backends", "0002_service_credential"),
        ("partners", "0002_data_key"),
        ("plans", "0002_rotation"),
    ]

    operations = [
        migrations.CreateModel(
            name="BackendSchema",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portazgo.kit.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=63, unique=True)),
                ("created_at", models.DateTimeField()),
                (
                    "backend",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="schemas", to="backends.backend"
                    ),
                ),
            ],
            options={
                "db_table": "backend_schema",
            },
        ),
        migrations.CreateModel(
            name="Contract",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portazgo.kit.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=63, unique=True)),
                ("terms", models.BinaryField()),
                ("created_at", models.DateTimeField()),
                ("changed_at", models.DateTimeField()),
                (
                    "api",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="contracts", to="apis.api"
                    ),
                ),
                (
                    "schema",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contracts",
                        to="contracts.backendschema",
                    ),
                ),
            ],
            options={
                "db_table": "contract",
            },
        ),
        migrations.CreateModel(
            name="SchemaVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.IntegerField()),
                ("document", models.BinaryField()),
                ("sha256", models.CharField(max_length=64)),
                ("size_bytes", models.IntegerField()),
                ("operations", models.IntegerField()),
                ("source", models.CharField(blank=True, max_length=2000)),
                ("imported_at", models.DateTimeField()),
                (
                    "schema",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="versions",
                        to="contracts.backendschema",
                    ),
                ),
            ],
            options={
                "db_table": "backend_schema_version",
            },
        ),
        migrations.CreateModel(
            name="ContractVersion",
            fields=[
                (
                    "id",
                    models.UUIDField(default=portazgo.kit.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=16)),
                ("terms", models.BinaryField()),
                ("compiled", models.BinaryField()),
                ("document", models.BinaryField()),
                ("published_at", models.DateTimeField()),
                ("deprecated_at", models.DateTimeField(null=True)),
                ("sunset_at", models.DateTimeField(null=True)),
                ("link", models.CharField(blank=True, max_length=2000)),
                ("retired_at", models.DateTimeField(null=True)),
                (
                    "contract",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="versions", to="contracts.contract"
                    ),
                ),
                (
                    "schema_version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="contracts",
                        to="contracts.schemaversion",
                    ),
                ),
            ],
            options={
                "db_table": "contract_version",
            },
        ),
        migrations.CreateModel(
            name="ContractPin",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "api",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="contract_pins", to="apis.api"
                    ),
                ),
                (
                    "application",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="contract_pins",
                        to="applications.application",
                    ),
                ),
                (
                    "partner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="contract_pins",
                        to="partners.partner",
                    ),
                ),
                (
                    "plan",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="contract_pins",
                        to="plans.plan",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="pins", to="contracts.contractversion"
                    ),
                ),
            ],
            options={
                "db_table": "contract_pin",
                "constraints": [
                    models.UniqueConstraint(fields=("application", "api"), name="contract_pin_of_application"),
                    models.UniqueConstraint(fields=("partner", "api"), name="contract_pin_of_partner"),
                    models.UniqueConstraint(fields=("plan", "api"), name="contract_pin_of_plan"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("application__isnull", False), ("partner__isnull", True), ("plan__isnull", True)),
                            models.Q(("application__isnull", True), ("partner__isnull", False), ("plan__isnull", True)),
                            models.Q(("application__isnull", True), ("partner__isnull", True), ("plan__isnull", False)),
                            _connector="OR",
                        ),
                        name="contract_pin_of_one",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="schemaversion",
            constraint=models.UniqueConstraint(fields=("schema", "number"), name="schema_version_number"),
        ),
        migrations.AddConstraint(
            model_name="contractversion",
            constraint=models.UniqueConstraint(fields=("contract", "name"), name="contract_version_name"),
        ),
    ]
