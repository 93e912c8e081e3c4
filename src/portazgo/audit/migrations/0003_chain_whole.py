"""Every row has its place now; lists go by it. (A migration of its own: PostgreSQL alters no table with pending events.)"""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_chain")]

    operations = [
        migrations.AlterField("auditrow", "number", models.BigIntegerField(unique=True)),
        migrations.RemoveIndex("auditrow", "audit_subject"),
        migrations.RemoveIndex("auditrow", "audit_action"),
        migrations.AddIndex("auditrow", models.Index(fields=["subject", "number"], name="audit_subject")),
        migrations.AddIndex("auditrow", models.Index(fields=["action", "number"], name="audit_action")),
        migrations.AddIndex("auditrow", models.Index(fields=["actor_id", "number"], name="audit_actor")),
    ]
