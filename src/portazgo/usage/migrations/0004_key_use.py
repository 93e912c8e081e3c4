from django.db import migrations, models

# A key that was used before this table existed was used.
_FILL = """
INSERT INTO key_use (kid, last_used_us)
SELECT kid, MAX(minute_us) FROM usage_minute WHERE kid <> '' GROUP BY kid
"""


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0003_retiring"),
    ]

    operations = [
        migrations.CreateModel(
            name="KeyUse",
            fields=[
                ("kid", models.CharField(max_length=10, primary_key=True, serialize=False)),
                ("last_used_us", models.BigIntegerField()),
            ],
            options={
                "db_table": "key_use",
            },
        ),
        migrations.AddIndex(
            model_name="keyuse",
            index=models.Index(fields=["last_used_us", "kid"], name="key_use_age"),
        ),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
    ]
