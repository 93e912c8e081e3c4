"""Algorithms of issuers and keys, and the life of keys."""

from django.db import migrations, models


class Migration(migrations.Migration):
    """Every key so far is of ES256; those that were withdrawn are gone since."""

    dependencies = [("signing", "0001_initial")]

    operations = [
        migrations.AddField("issuer", "algorithm", models.CharField(default="ES256", max_length=16)),
        migrations.AddField("issuer", "rotate_every_seconds", models.PositiveIntegerField(null=True)),
        migrations.AddField("signingkey", "algorithm", models.CharField(default="ES256", max_length=16)),
        migrations.AddField("signingkey", "gone_at", models.DateTimeField(null=True)),
        migrations.AddField("signingkey", "not_before", models.DateTimeField(null=True)),
        migrations.AddField("signingkey", "waits_for", models.TextField(default="")),
        migrations.AlterField("signingkey", "public_jwk", models.JSONField(null=True)),
        migrations.AlterField("signingkey", "wrapped", models.TextField(null=True)),
    ]
