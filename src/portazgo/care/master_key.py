"""Where the master key of `local:` is, and its copy apart from the backup."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from portazgo.care.failed import CareFailed, CareRefused
from portazgo.kit.files import create_private
from portazgo.kit.wrapping import LocalWrapper, WrappingFailed

if TYPE_CHECKING:
    from portazgo.settings import Settings

FILE_NAME = "master.key"


def key_path(settings: Settings) -> Path:
    """Give the file that the setting PORTAZGO_WRAPPING names."""
    place = settings.wrapping.partition(":")[2]
    return Path(place) if place else settings.data_dir / FILE_NAME


def beside(backup: Path) -> Path:
    """Give where a backup's key is written unless one says otherwise: beside its folder, never in it."""
    return backup.with_name(f"{backup.name}.{FILE_NAME}")


def open_key(path: Path) -> LocalWrapper:
    """Open a key file. Raises CareFailed."""
    try:
        return LocalWrapper.open(path)
    except WrappingFailed as problem:
        raise CareFailed(str(problem), "without the key that belongs to it a backup can't be used") from None


def copy_key(source: Path, target: Path) -> None:
    """Copy a key file, 0600; the same key there already is fine. Raises CareFailed, CareRefused, OSError."""
    text = source.read_text("utf-8")
    if not create_private(target, text) and target.read_text("utf-8") != text:
        raise CareRefused(f"{target} holds another key", "name another file with --key-file")
