from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("keys", "0006_imported"),
        ("plans", "0002_rotation"),
    ]

    operations = [
        migrations.AddField(
            model_name="keysecret",
            name="due_told_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="keysecret",
            name="stuck_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name="keysecret",
            index=models.Index(
                condition=models.Q(("due_told_at__isnull", True)), fields=["created_at"], name="key_secret_made"
            ),
        ),
        migrations.AddIndex(
            model_name="keysecret",
            index=models.Index(
                condition=models.Q(("due_told_at__isnull", False)), fields=["due_told_at"], name="key_secret_due"
            ),
        ),
        migrations.AddIndex(
            model_name="keysecret",
            index=models.Index(
                condition=models.Q(("stuck_at__isnull", False)), fields=["stuck_at"], name="key_secret_stuck"
            ),
        ),
    ]
