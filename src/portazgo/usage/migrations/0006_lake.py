import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("lake", "0001_initial"),
        ("usage", "0005_folding"),
    ]

    operations = [
        migrations.AddField(
            model_name="manifest",
            name="lake_file",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="lake.lakefile",
            ),
        ),
        migrations.AddIndex(
            model_name="manifest",
            index=models.Index(
                condition=models.Q(("lake_file__isnull", True)),
                fields=["ended_at_us", "id"],
                name="usage_manifest_backlog",
            ),
        ),
        migrations.AddIndex(
            model_name="manifest",
            index=models.Index(
                condition=models.Q(("lake_file__isnull", False)), fields=["lake_file"], name="usage_manifest_in_lake"
            ),
        ),
    ]
