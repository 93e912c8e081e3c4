"""Brings a backup into an empty data folder (and empty databases): judged whole before anything is put in place.

The order of the last step matters where the power fails in the middle of it: the master key comes last, and without it
no control plane starts over a database that holds sealed secrets.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from portazgo.care import facts, postgresql_dumps, sqlite_copies
from portazgo.care.backup import SQLITE, engine_of
from portazgo.care.dead_keys import dead_kids, erased_lines
from portazgo.care.failed import CareFailed, CareRefused
from portazgo.care.manifest import REVOCATIONS, Manifest
from portazgo.care.master_key import beside, key_path, open_key, open_with
from portazgo.control.database_options import LEDGER_SCHEMA, STATE_SCHEMA
from portazgo.kit.files import sync_folder, write_private
from portazgo.roles.instance import FILE_NAME as LOCK
from portazgo.roles.instance import InstanceLock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portazgo.settings import Settings


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back; `revoked_since` are keys that died after the backup, and that the next start kills again."""

    manifest: Manifest
    revoked_since: int


def restore(settings: Settings, folder: Path, *, key_file: Path | None, revocations: Sequence[Path] = ()) -> Restored:
    """Bring a backup back: all of it, or nothing.

    `revocations` are files that outlived what was lost: a data folder's `revocations.log`, a node's `revoked.log`.
    Raises CareRefused (nothing was touched), CareFailed (what was begun was undone), InstanceRunning.
    """
    manifest = Manifest.read(folder)
    manifest.refuse_newer()
    if manifest.engine != engine_of(settings):
        raise CareRefused(
            f"the backup is of {manifest.engine}, and the settings name {engine_of(settings)}",
            "correct PORTAZGO_STATE_URL; moving between kinds of databases is not what restoring does",
        )
    _refuse_occupied(settings)
    manifest.verify(folder)
    source = _fitting_key(settings, manifest, folder, key_file)
    dead, since = _revocations(folder, revocations)
    with InstanceLock(settings.data_dir), _undone_on_failure(settings) as placed:
        if manifest.engine == SQLITE:
            _place_sqlite(settings, folder, manifest, source, placed)
        else:
            _place_postgresql(settings, folder, manifest, source)
        if dead:
            _place_text(settings.data_dir / REVOCATIONS, dead, placed)
        if source is not None and source.absolute() != key_path(settings).absolute():
            _place_text(key_path(settings), source.read_text("utf-8"), placed)
    return Restored(manifest, since)


def _refuse_occupied(settings: Settings) -> None:
    folder = settings.data_dir
    try:
        found = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    except FileNotFoundError:
        found = []
    except OSError as problem:
        raise CareRefused(f"the data folder {folder} can't be used ({problem.strerror})", _ANOTHER) from None
    if found:
        raise CareRefused(f"the data folder {folder} is not empty (it holds {found[0]})", _ANOTHER)
    if engine_of(settings) == SQLITE:
        for url in (settings.state_url, settings.ledger_url):
            if Path(url.name).exists():
                raise CareRefused(f"there is a database {url.name} already", "move it away first")
    else:
        postgresql_dumps.refuse_occupied(settings.state_url, STATE_SCHEMA)
        postgresql_dumps.refuse_occupied(settings.ledger_url, LEDGER_SCHEMA)


_ANOTHER = "name an empty or new folder with PORTAZGO_DATA_DIR"


def _fitting_key(settings: Settings, manifest: Manifest, folder: Path, given: Path | None) -> Path | None:
    """Find the key file that the backup was sealed with; None: it holds nothing sealed. Raises CareRefused."""
    if manifest.key_id is None:
        return None
    candidates = [given] if given is not None else [key_path(settings), beside(folder)]
    existing = [path for path in candidates if path.exists()]
    if not existing:
        raise CareRefused(
            f"the backup was sealed with the master key {manifest.key_id}, and {candidates[-1]} is not there",
            "name the key's file with --key-file",
        )
    for path in existing:
        try:
            found = open_key(path).key_id
        except CareFailed as problem:
            raise CareRefused(problem.sentence, problem.remedy) from None
        if found == manifest.key_id:
            _refuse_other_key(key_path(settings), path)
            return path
    raise CareRefused(
        f"{existing[-1]} holds another master key than the one that the backup was sealed with ({manifest.key_id})",
        "name that key's file with --key-file",
    )


def _refuse_other_key(target: Path, source: Path) -> None:
    if target.exists() and target.absolute() != source.absolute():
        raise CareRefused(f"{target} holds a key already", "move it away first, or name another with PORTAZGO_WRAPPING")


def _revocations(folder: Path, further: Sequence[Path]) -> tuple[str, int]:
    """Put together what is dead: the backup's file, and whatever outlived it. Returns the text, and how many came to it."""
    own = folder / REVOCATIONS
    text = own.read_text("utf-8", errors="replace") if own.exists() else ""
    if text and not text.endswith("\n"):
        text += "\n"
    known = set(dead_kids(text))
    erased = dict(erased_lines(text))
    since: dict[str, None] = {}
    erased_since: dict[str, str] = {}
    for path in further:
        try:
            told = path.read_text("utf-8", errors="replace")
            since.update(dict.fromkeys(dead_kids(told)))
            erased_since.update(erased_lines(told))
        except OSError as problem:
            raise CareRefused(
                f"{path} can't be read ({problem.strerror})", "name a revocations.log or revoked.log"
            ) from None
    new = [kid for kid in since if kid not in known]
    lines = [json.dumps({"security": {"operation": "revoke_key", "id": kid}}, separators=(",", ":")) for kid in new]
    # What was erased since counts among what the next start destroys again, and not among dead keys.
    lines += [line for key, line in erased_since.items() if key not in erased]
    return text + "".join(f"{line}\n" for line in lines), len(new)


@contextmanager
def _undone_on_failure(settings: Settings) -> Iterator[list[Path]]:
    placed: list[Path] = []
    try:
        yield placed
    except BaseException as problem:
        for path in placed:
            path.unlink(missing_ok=True)
        if isinstance(problem, OSError):
            raise CareFailed(
                f"the backup can't be brought to {settings.data_dir} ({problem.strerror})", "make room there, try again"
            ) from None
        raise


def _place_sqlite(settings: Settings, folder: Path, manifest: Manifest, key: Path | None, placed: list[Path]) -> None:
    places = {"state.sqlite3": Path(settings.state_url.name), "ledger.sqlite3": Path(settings.ledger_url.name)}
    with _beside(places) as staged:
        for name, path in staged.items():
            shutil.copyfile(folder / name, path)
            sqlite_copies.require_sound(path)
        with sqlite_copies.queries(staged["state.sqlite3"]) as query:
            _require_as_written(settings, manifest, facts.state_facts(query), key)
        for name, path in staged.items():
            placed.append(places[name])
            path.rename(places[name])
            sync_folder(places[name].parent)


@contextmanager
def _beside(places: dict[str, Path]) -> Iterator[dict[str, Path]]:
    """Give a new file of mode 0600 in each place's own folder, so that putting it in place is one rename."""
    staged: dict[str, Path] = {}
    try:
        for name, place in places.items():
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
            os.close(descriptor)
            staged[name] = Path(temporary)
        yield staged
    finally:
        for path in staged.values():
            path.unlink(missing_ok=True)


def _place_postgresql(settings: Settings, folder: Path, manifest: Manifest, key: Path | None) -> None:
    schemas = ((settings.ledger_url, LEDGER_SCHEMA), (settings.state_url, STATE_SCHEMA))
    begun = []
    try:
        for url, schema in schemas:
            begun.append((url, schema))
            postgresql_dumps.bring_back(url, schema, folder / f"{schema}.postgresql")
        with postgresql_dumps.one_moment(settings.state_url, STATE_SCHEMA) as (query, _):
            _require_as_written(settings, manifest, facts.state_facts(query), key)
    except BaseException:
        for url, schema in begun:
            with suppress(CareFailed):
                postgresql_dumps.take_away(url, schema)
        raise


def _require_as_written(settings: Settings, manifest: Manifest, state: facts.StateFacts, key: Path | None) -> None:
    if (state.history, state.revision, state.key_id) != (manifest.history, manifest.revision, manifest.key_id):
        raise CareFailed(
            "the databases in the backup are not those that its manifest describes", "bring another copy of this backup"
        )
    if not state.sealed:
        return
    providers = open_with(settings, key)
    if providers is None:
        raise CareFailed(
            "the backup was sealed by another provider than a master key's file",
            "name that provider with PORTAZGO_WRAPPING (docs/key-wrapping.md)",
        )
    state.require_opened_by(providers)


def _place_text(path: Path, text: str, placed: list[Path]) -> None:
    placed.append(path)
    write_private(path, text)
