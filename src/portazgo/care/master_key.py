"""Where the master key of `local:` is, its copy apart from the backup, and the providers that open what is sealed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from portazgo.care.failed import CareFailed, CareRefused
from portazgo.kit.files import create_private
from portazgo.kit.wrapping import KeyWrapper, WrappingFailed, open_wrapper
from portazgo.kit.wrapping.local import LocalWrapper
from portazgo.kit.wrapping.uri import KEY_FILE, Local, parse_uri

if TYPE_CHECKING:
    from portazgo.settings import Settings

FILE_NAME = KEY_FILE
_WITHOUT = "without the key that belongs to it a backup can't be used"


def key_path(settings: Settings) -> Path:
    """Give the file that PORTAZGO_WRAPPING names, or PORTAZGO_WRAPPING_ALSO; where they name none, the usual one."""
    for place in map(parse_uri, (settings.wrapping, *settings.wrapping_also)):
        if isinstance(place, Local):
            return place.file(settings.data_dir)
    return settings.data_dir / FILE_NAME


def open_providers(settings: Settings) -> KeyWrapper:
    """Open what the settings name; calls no service. Raises CareFailed."""
    try:
        return open_wrapper(settings.wrapping, settings.data_dir, also=settings.wrapping_also)
    except WrappingFailed as problem:
        raise CareFailed(str(problem), _WITHOUT) from None


def open_with(settings: Settings, key: Path | None) -> KeyWrapper | None:
    """Open what a backup was sealed with: a key's file, and the services that the settings name. None: neither is there.

    Raises CareFailed.
    """
    named = (settings.wrapping, *settings.wrapping_also)
    services = [one for one in named if not isinstance(parse_uri(one), Local)]
    uris = [*([f"local:{key}"] if key is not None else []), *services]
    if not uris:
        return None
    try:
        return open_wrapper(uris[0], settings.data_dir, also=uris[1:])
    except WrappingFailed as problem:
        raise CareFailed(str(problem), _WITHOUT) from None


def beside(backup: Path) -> Path:
    """Give where a backup's key is written unless one says otherwise: beside its folder, never in it."""
    return backup.with_name(f"{backup.name}.{FILE_NAME}")


def open_key(path: Path) -> LocalWrapper:
    """Open a key file. Raises CareFailed."""
    try:
        return LocalWrapper.open(path)
    except WrappingFailed as problem:
        raise CareFailed(str(problem), _WITHOUT) from None


def copy_key(source: Path, target: Path) -> None:
    """Copy a key file, 0600; the same key there already is fine. Raises CareFailed, CareRefused, OSError."""
    text = source.read_text("utf-8")
    if not create_private(target, text) and target.read_text("utf-8") != text:
        raise CareRefused(f"{target} holds another key", "name another file with --key-file")
