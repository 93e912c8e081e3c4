"""How many of the answers that contracts gave were of some fields only, since the caller asked so."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Of what was added up before nobody knows: it may have been all of them."""

    dependencies: ClassVar = [("usage", "0016_room_for_sums")]

    operations: ClassVar = [
        migrations.AddField("toldanswers", "selected", models.BigIntegerField(default=0, db_default=0)),
        migrations.RunSQL("UPDATE usage_told SET selected = answers", migrations.RunSQL.noop),
    ]
