"""New rows keep the digest of their personal members apart, so that what is kept of an erased row is still proven."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_chain_whole")]

    operations = [
        migrations.AddField("auditrow", "form", models.PositiveSmallIntegerField(default=2, db_default=1)),
        migrations.AddField("auditrow", "personal", models.CharField(max_length=64, null=True)),
    ]
