"""Sets Django up for a role, and looks after the two databases."""

from __future__ import annotations

import atexit
import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.apps import apps
from django.db import DatabaseError, connections

from portazgo import settings as portazgo_settings
from portazgo.kit.errors import StartRefused
from portazgo.kit.memory import without_collecting
from portazgo.native_build import NativeModuleStale, require_fresh

if TYPE_CHECKING:
    from portazgo.settings import Settings


def boot(settings: Settings) -> None:
    """Make these the settings of the process and set Django up; needed before anything that has a model is imported.

    Raises StartRefused when the native module is stale, or the data folder can't be made or written.
    """
    if apps.ready:
        return
    _require_native()
    portazgo_settings.use(settings)
    os.environ["DJANGO_SETTINGS_MODULE"] = "portazgo.control.django_settings"
    _make_folder(settings.data_dir)
    with without_collecting():
        django.setup()
    atexit.register(_close_databases)


def _close_databases() -> None:
    """Leave SQLite's files whole without their logs: threads that end with the process close nothing."""
    for connection in connections.all():
        if connection.vendor == "sqlite" and Path(f"{connection.settings_dict['NAME']}-wal").exists():
            # PASSIVE waits for nobody: what other processes still read stays in the log, and is theirs to fold in.
            with suppress(DatabaseError), connection.cursor() as cursor:
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
    connections.close_all()


def _require_native() -> None:
    # The control plane validates with it: a stale one would let through what nodes of these sources refuse.
    try:
        require_fresh()
    except NativeModuleStale as problem:
        raise StartRefused(str(problem), "run `make native`") from None


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as problem:
        raise StartRefused(
            f"the data folder {folder} can't be written ({problem.strerror})",
            "give this user the right to write there, or choose another folder with PORTAZGO_DATA_DIR",
        ) from None
