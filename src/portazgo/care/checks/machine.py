"""What is on this machine before anything runs: the native module, the settings' spelling, folder, files, room."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from portazgo.care.finding import Finding, count, skipped, warning, well, wrong
from portazgo.care.master_key import key_path
from portazgo.care.surroundings import Surroundings
from portazgo.native_build import NativeModuleStale, require_fresh
from portazgo.settings import misspelt

GIBIBYTE = 1 << 30
LITTLE_BYTES = GIBIBYTE
TOO_LITTLE_BYTES = 200 << 20
OTHERS = 0o077


def native_module(_around: Surroundings) -> Iterator[Finding]:
    """Is the native module there, and built from the sources beside it?"""
    try:
        require_fresh()
        from portazgo._native import VERSION  # noqa: PLC0415 - that it can be imported is what is checked
    except (NativeModuleStale, ImportError) as problem:
        yield wrong(str(problem).removesuffix(" Run `make native`.").rstrip("."), "run `make native`")
        return
    yield well(f"version {VERSION}, built from the sources beside it")


def settings(around: Surroundings) -> Iterator[Finding]:
    """Are they well spelt? That they can be read at all is judged before any check."""
    strangers = misspelt(around.environment)
    for sentence in strangers:
        yield warning(sentence, "correct its name, or remove it; docs/settings.md lists the settings")
    if not strangers:
        yield well("all can be read")


def data_folder(around: Surroundings) -> Iterator[Finding]:
    """Is it there, can it be written, and is it private?"""
    folder = around.settings.data_dir
    if not folder.exists():
        nearest = _nearest(folder)
        if os.access(nearest, os.W_OK | os.X_OK) and nearest.is_dir():
            yield skipped(f"{folder} is not there yet: the first `portazgo up` makes it")
        else:
            yield wrong(f"{folder} is not there and can't be made", _ANOTHER)
        return
    if not folder.is_dir():
        yield wrong(f"{folder} is no folder", _ANOTHER)
    elif not os.access(folder, os.W_OK | os.X_OK):
        yield wrong(f"{folder} can't be written", _ANOTHER)
    elif _mode(folder) & OTHERS:
        yield warning(f"{folder} can be looked into by others (mode {_mode(folder):04o})", f"chmod 700 {folder}")
    else:
        yield well(f"{folder} can be written, by its owner only")


_ANOTHER = "give this user the right to write there, or choose another folder with PORTAZGO_DATA_DIR"


def secret_files(around: Surroundings) -> Iterator[Finding]:
    """Can anybody but the owner read a file with a secret in it?"""
    chosen = around.settings
    files = [key_path(chosen), chosen.admin_token_file, chosen.node_token_file]
    files += [chosen.data_dir / name for name in ("demo.json", "demo-key.json")]
    there = [path for path in dict.fromkeys(files) if path.exists()]
    exposed = [path for path in there if _mode(path) & OTHERS]
    for path in exposed:
        yield wrong(
            f"{path} can be read by others (mode {_mode(path):04o})", f"chmod 600 {path}, and replace what it holds"
        )
    if not there:
        yield skipped("there are none here")
    elif not exposed:
        yield well(f"{count(len(there), 'file')}, for their owner only")


def disk_space(around: Surroundings) -> Iterator[Finding]:
    """Is there room for records and databases?"""
    folder = _nearest(around.settings.data_dir)
    free = shutil.disk_usage(folder).free
    said = f"{free / GIBIBYTE:.1f} GiB are free where {folder} is"
    if free < TOO_LITTLE_BYTES:
        yield wrong(said, "make room: nodes stop serving where records can't be written")
    elif free < LITTLE_BYTES:
        yield warning(said, "make room soon")
    else:
        yield well(said)


def _nearest(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
