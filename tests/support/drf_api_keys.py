"""Rows that the real djangorestframework-api-key makes: run as a program, since it needs a Django of its own.

`python drf_api_keys.py FOLDER` writes dump.json (`manage.py dumpdata`; of four keys one is revoked and one has expired),
table.csv (the row of a fifth, as a database's own tool writes it) and slow.json (a row of an old version), and prints
the whole keys by their names.
"""

from __future__ import annotations

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import django
from django.conf import settings

APP = "rest_framework_api_key"
MODEL = f"{APP}.apikey"


def main(folder: Path) -> None:
    """Make the keys, and write their rows."""
    database = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "backend.sqlite3")}
    settings.configure(INSTALLED_APPS=["rest_framework", APP], DATABASES={"default": database}, USE_TZ=True)
    django.setup()
    from django.contrib.auth.hashers import PBKDF2PasswordHasher
    from django.core.management import call_command
    from django.db import connection
    from rest_framework_api_key.models import APIKey

    call_command("migrate", verbosity=0)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    special: dict[str, dict[str, Any]] = {"revoked": {"revoked": True}, "expired": {"expiry_date": past}}
    keys = {}
    for name in ("shop", "billing", "revoked", "expired"):
        _, keys[name] = APIKey.objects.create_key(name=name, **special.get(name, {}))
    call_command("dumpdata", MODEL, output=str(folder / "dump.json"))
    APIKey.objects.all().delete()
    _, keys["by table"] = APIKey.objects.create_key(name="by table")
    with connection.cursor() as cursor, (folder / "table.csv").open("w", newline="") as out:
        cursor.execute("SELECT * FROM rest_framework_api_key_apikey")
        csv.writer(out).writerows([[column[0] for column in cursor.description], *cursor.fetchall()])
    slow = PBKDF2PasswordHasher().encode(keys["by table"], "asalt")
    APIKey.objects.update(hashed_key=slow)
    call_command("dumpdata", MODEL, output=str(folder / "slow.json"))
    sys.stdout.write(json.dumps(keys))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
