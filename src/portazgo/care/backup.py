"""Copies state and ledger to a folder, consistently while everything runs; the master key goes elsewhere."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from portazgo.care import facts, postgresql_dumps, sqlite_copies
from portazgo.care.failed import CareFailed, CareRefused
from portazgo.care.manifest import REVOCATIONS, Manifest, Migration, refuse_newer_database, sum_of
from portazgo.care.master_key import copy_key, key_path, open_providers
from portazgo.control.database_options import LEDGER_SCHEMA, STATE_SCHEMA
from portazgo.kit.clock import rfc3339
from portazgo.kit.files import sync_folder, write_private
from portazgo.kit.wrapping import WrappingFailed, WrappingUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portazgo.settings import Settings

SQLITE = "sqlite"
POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written. `key_file` None: the key was left where it is."""

    folder: Path
    manifest: Manifest
    key_file: Path | None


def back_up(settings: Settings, folder: Path, key_file: Path | None) -> Backup:
    """Write a backup to a new folder, and the master key to `key_file`: all of it, or nothing.

    The databases are copied first and revocations.log after them, so that no key that is dead in the state can be
    missing in the file. Raises CareFailed, CareRefused.
    """
    refuse_occupied(folder)
    try:
        with _staged(folder) as staged:
            state, applied = _copy(settings, staged)
            refuse_newer_database(applied)
            _require_openable(settings, state)
            key_file = key_file if state.key_id is not None or not state.sealed else None
            _copy_revocations(settings.data_dir / REVOCATIONS, staged / REVOCATIONS)
            manifest = Manifest(
                portazgo=version("portazgo"),
                made_at=rfc3339(datetime.now(UTC)),
                engine=engine_of(settings),
                history=state.history,
                revision=state.revision,
                key_id=state.key_id,
                migrations=applied,
                files={path.name: sum_of(path) for path in sorted(staged.iterdir())},
            )
            manifest.write(staged)
            if key_file is not None:
                copy_key(key_path(settings), key_file)
    except OSError as problem:
        raise CareFailed(
            f"the backup can't be written to {folder} ({problem.strerror})", "make room there, or name another folder"
        ) from None
    return Backup(folder, manifest, key_file)


def _require_openable(settings: Settings, state: facts.StateFacts) -> None:
    """Raise CareFailed, CareRefused: a backup that no key opens is none; better to hear of it now than when it is needed."""
    if len(state.key_ids) > 1:
        raise CareRefused(
            "the master key is being replaced by another, and a backup goes with one",
            "wait until `portazgo wrapping status` says that nothing is left",
        )
    if not state.sealed:
        return
    with suppress(WrappingUnavailable):  # What KMS sealed can be copied while KMS is away.
        try:
            state.open_all(open_providers(settings))
        except WrappingUnavailable:
            raise
        except WrappingFailed as problem:
            raise CareFailed(str(problem), "bring the key file that belongs to these databases") from None


def engine_of(settings: Settings) -> str:
    """Name what the databases are kept in. Raises CareRefused for one of each."""
    kinds = {settings.state_url.is_sqlite, settings.ledger_url.is_sqlite}
    if len(kinds) > 1:
        raise CareRefused(
            "state and ledger are kept in different kinds of databases, which a backup does not hold together",
            "set PORTAZGO_STATE_URL and PORTAZGO_LEDGER_URL to the same kind",
        )
    return SQLITE if kinds == {True} else POSTGRESQL


def refuse_occupied(folder: Path) -> None:
    """Raise CareRefused unless the folder is absent or empty."""
    try:
        occupied = any(folder.iterdir())
    except FileNotFoundError:
        return
    except OSError as problem:
        raise CareRefused(f"{folder} can't be used ({problem.strerror})", "name a new folder") from None
    if occupied:
        raise CareRefused(f"{folder} is not empty", "name a new folder: a backup never overwrites another")


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))  # 0700
    try:
        yield staged
        sync_folder(staged)
        staged.rename(folder)
        sync_folder(folder.parent)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _copy(settings: Settings, staged: Path) -> tuple[facts.StateFacts, tuple[Migration, ...]]:
    if engine_of(settings) == SQLITE:
        return _copy_sqlite(settings, staged)
    with postgresql_dumps.one_moment(settings.state_url, STATE_SCHEMA) as (query, moment):
        state = facts.state_facts(query)
        postgresql_dumps.dump(settings.state_url, STATE_SCHEMA, moment, staged / "state.postgresql")
    with postgresql_dumps.one_moment(settings.ledger_url, LEDGER_SCHEMA) as (query, moment):
        applied = facts.migrations(query)
        postgresql_dumps.dump(settings.ledger_url, LEDGER_SCHEMA, moment, staged / "ledger.postgresql")
    return state, tuple(sorted({*state.migrations, *applied}))


def _copy_sqlite(settings: Settings, staged: Path) -> tuple[facts.StateFacts, tuple[Migration, ...]]:
    for url, name in ((settings.state_url, "state.sqlite3"), (settings.ledger_url, "ledger.sqlite3")):
        if not Path(url.name).is_file():
            raise CareRefused(
                f"there is no database {url.name} to back up", "name the deployment's folder with PORTAZGO_DATA_DIR"
            )
        sqlite_copies.copy_database(Path(url.name), staged / name)
    with sqlite_copies.queries(staged / "state.sqlite3") as query:
        state = facts.state_facts(query)
    with sqlite_copies.queries(staged / "ledger.sqlite3") as query:
        applied = facts.migrations(query)
    return state, tuple(sorted({*state.migrations, *applied}))


def _copy_revocations(source: Path, target: Path) -> None:
    if source.exists():
        write_private(target, source.read_text("utf-8", errors="replace"))
