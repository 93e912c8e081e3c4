"""Empty databases of this version, made once for a run of tests: migrations are half of what a deployment's start computes.

What `portazgo migrate` makes beside tables (history, issuer, tokens) each deployment makes for itself.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

PROGRAM = """
import sys
from pathlib import Path
from tempfile import mkdtemp
from portazgo.settings import load
from portazgo.control.boot import boot
boot(load({"data_dir": sys.argv[1]}, environment={}, file=Path("absent.yaml")))
from django.core.management import call_command
from django.db import connections
for alias in ("default", "ledger"):
    call_command("migrate", database=alias, interactive=False, verbosity=0)
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
        for file in self._files():
            shutil.copy(file, data / file.name)

    def _files(self) -> list[Path]:
        self._folder.mkdir(parents=True, exist_ok=True)
        made = self._folder / "data"
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not made.exists():
                # One that failed stays, and the next is made elsewhere.
                making = Path(mkdtemp(dir=self._folder))
                subprocess.run([sys.executable, "-c", PROGRAM, str(making)], check=True, cwd=self._folder)
                making.rename(made)
        return sorted(made.glob("*.sqlite3*"))
