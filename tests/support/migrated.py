"""Empty databases of this version, made once for a run of tests: migrations are half of what a deployment's start computes.

What `portazgo migrate` makes beside tables (history, issuer, tokens) each deployment makes for itself. The demo backend's
database is laid out likewise, with its rows.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp

INSIGNIA = Path(__file__).resolve().parents[2] / "examples" / "insignia"

PROGRAM = """
import sys
from pathlib import Path
from portazgo.settings import load
from portazgo.control.boot import boot
boot(load({"data_dir": sys.argv[1]}, environment={}, file=Path("absent.yaml")))
from django.core.management import call_command
from django.db import connections
for alias in ("default", "ledger"):
    call_command("migrate", database=alias, interactive=False, verbosity=0)
connections.close_all()
"""
INSIGNIA_PROGRAM = """
import os, sys
os.environ |= {"DJANGO_SETTINGS_MODULE": "insignia.settings", "INSIGNIA_DATA_DIR": sys.argv[1]}
import django
from django.core.management import call_command
from django.db import connections
django.setup()
call_command("migrate", verbosity=0)
call_command("seed")
connections.close_all()
"""


class Migrated:
    """The databases, in a folder that the processes of one run share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lay_out(self, data: Path, environment: dict[str, str]) -> None:
        """Put them into an empty data folder, unless a deployment's databases are elsewhere."""
        if {"PORTAZGO_STATE_URL", "PORTAZGO_LEDGER_URL"} & environment.keys():
            return
        for file in sorted(self._made("data", PROGRAM, os.environ).glob("*.sqlite3*")):
            shutil.copy(file, data / file.name)

    def lay_out_insignia(self, data: Path) -> None:
        """Make the demo backend's data folder as its first start would."""
        environment = {**os.environ, "PYTHONPATH": str(INSIGNIA)}
        shutil.copytree(self._made("insignia", INSIGNIA_PROGRAM, environment), data)

    def _made(self, name: str, program: str, environment: Mapping[str, str]) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        made = self._folder / name
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                # One that failed stays, and the next is made elsewhere.
                making = Path(mkdtemp(dir=self._folder))
                command = [sys.executable, "-c", program, str(making)]
                subprocess.run(command, check=True, cwd=self._folder, env=environment)
                making.rename(made)
        return made
