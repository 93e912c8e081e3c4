import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("contracts", "0001_initial"),
        ("routes", "0003_tags"),
    ]

    operations = [
        migrations.AddField(
            model_name="route",
            name="contract",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="routes",
                to="contracts.contractversion",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="passthrough",
            field=models.BooleanField(db_default=True),
        ),
    ]
