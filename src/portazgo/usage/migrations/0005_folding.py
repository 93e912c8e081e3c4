from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import migrations, models

from portazgo import _native

if TYPE_CHECKING:
    from django.apps.registry import Apps
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState

# What was added up so far is not folded yet: all of it is fresh.
_KEEP = """
INSERT INTO usage_fresh (minute_us, partner, application, kid, route, fault, billable, price_version,
                         requests, units, bytes_in, bytes_out, duration_us_sum)
SELECT minute_us, partner, application, kid, route, fault, billable, price_version,
       requests, units, bytes_in, bytes_out, duration_us_sum FROM usage_minute
"""


def _count_requests(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Tell manifests how many calls their records stand for, from the records."""
    alias = schema_editor.connection.alias
    manifests = apps.get_model("usage", "Manifest").objects.using(alias)
    contents = apps.get_model("usage", "SegmentContent").objects.using(alias)
    manifests.update(requests=models.F("rolled_up"))
    for number in list(manifests.filter(count__gt=0).values_list("id", flat=True)):
        content = contents.filter(manifest_id=number).values_list("content", flat=True).first()
        if content is not None:
            requests, *_ = _native.summarize_segment(bytes(content))["totals"]
            manifests.filter(id=number).update(requests=requests)


class CreateClustered(migrations.CreateModel):
    """Make a table whose rows lie in the order of its key; PostgreSQL has no such thing, and reads by its index."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor == "sqlite":
            schema_editor.sql_create_table = schema_editor.sql_create_table + " WITHOUT ROWID"
        try:
            super().database_forwards(app_label, schema_editor, from_state, to_state)
        finally:
            vars(schema_editor).pop("sql_create_table", None)


_MEMBERS: list[tuple[str, models.Field[Any, Any]]] = [
    ("partner", models.CharField(max_length=36)),
    ("application", models.CharField(max_length=36)),
    ("kid", models.CharField(max_length=10)),
    ("route", models.CharField(max_length=36)),
    ("fault", models.CharField(max_length=64)),
    ("billable", models.BooleanField()),
    ("price_version", models.IntegerField()),
]
_SUMS: list[tuple[str, models.Field[Any, Any]]] = [
    ("requests", models.BigIntegerField()),
    ("units", models.BigIntegerField()),
    ("bytes_in", models.BigIntegerField()),
    ("bytes_out", models.BigIntegerField()),
    ("duration_us_sum", models.BigIntegerField()),
]
_NAMES = [name for name, _ in _MEMBERS]


def _fields(fields: list[tuple[str, models.Field[Any, Any]]]) -> list[tuple[str, models.Field[Any, Any]]]:
    return [(name, field.clone()) for name, field in fields]


def level(name: str, model: str) -> CreateClustered:
    """Make the table of a level."""
    return CreateClustered(
        name=model,
        fields=[
            (
                "pk",
                models.CompositePrimaryKey(
                    "grain", "slot", "series", blank=True, editable=False, primary_key=True, serialize=False
                ),
            ),
            ("grain", models.SmallIntegerField()),
            ("slot", models.BigIntegerField()),
            ("series", models.BigIntegerField()),
            *_fields(_SUMS),
        ],
        options={
            "db_table": f"usage_{name}",
            "abstract": False,
            "indexes": [models.Index(fields=["series", "slot"], name=f"usage_{name}_series")],
        },
    )


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0004_key_use"),
    ]

    operations = [
        migrations.CreateModel(
            name="FreshRollup",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("minute_us", models.BigIntegerField()),
                *_fields(_MEMBERS),
                *_fields(_SUMS),
            ],
            options={
                "db_table": "usage_fresh",
                "constraints": [models.UniqueConstraint(fields=["minute_us", *_NAMES], name="usage_fresh_key")],
            },
        ),
        migrations.RunSQL(_KEEP, migrations.RunSQL.noop),
        migrations.DeleteModel(name="MinuteRollup"),
        migrations.CreateModel(
            name="RollupSeries",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("grain", models.SmallIntegerField()),
                *_fields(_MEMBERS),
            ],
            options={
                "db_table": "usage_series",
                "indexes": [
                    models.Index(fields=["application"], name="usage_series_application"),
                    models.Index(fields=["kid"], name="usage_series_kid"),
                ],
                "constraints": [models.UniqueConstraint(fields=["grain", *_NAMES], name="usage_series_key")],
            },
        ),
        migrations.CreateModel(
            name="RollupHorizon",
            fields=[
                ("level", models.CharField(max_length=8, primary_key=True, serialize=False)),
                ("whole_from", models.BigIntegerField()),
            ],
            options={
                "db_table": "usage_horizon",
            },
        ),
        *[level(name, f"{name.capitalize()}Rollup") for name in ("minute", "quarter", "hour", "day", "month")],
        migrations.AddField(
            model_name="manifest",
            name="requests",
            field=models.BigIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.RunPython(_count_requests, migrations.RunPython.noop),
    ]
