"""The secret that signs tokens of Insignia's own users: made once, kept in a file."""

import contextlib
import os
import secrets
from pathlib import Path


def read_or_create_secret_key(path: Path) -> str:
    """Return the key in `path`, making it (mode 0600) when there is none; safe with several processes at once."""
    try:
        return _read(path)
    except FileNotFoundError:
        _create(path)
        return _read(path)


def _read(path: Path) -> str:
    key = path.read_text("ascii").strip()
    if not key:
        message = f"{path} is empty. Delete it to get a new key; tokens given out before then end."
        raise RuntimeError(message)
    return key


def _create(path: Path) -> None:
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_urlsafe(48))
    # A link, unlike a rename, never replaces the key that another process has just put there.
    with contextlib.suppress(FileExistsError):
        path.hardlink_to(draft)
    draft.unlink()
