"""`revocations.log`: revoked kids and destroyed data keys beside the data, so that a restored database brings none back.

Appended after the commit (no write transaction waits for a disk that isn't the database's); what a crash in between
left out is appended at the next start by `catch_up`.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from portazgo.kit.files import PRIVATE_MODE
from portazgo.snapshot.models import SecurityRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FILE_NAME = "revocations.log"
REVOKE = "revoke_key"


def append(folder: Path, lines: Iterable[str]) -> None:
    """Append security lines and make them durable. Raises OSError."""
    text = "".join(f"{line}\n" for line in lines)
    if not text:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / FILE_NAME, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, PRIVATE_MODE)
    try:
        # One write per batch: lines of several processes don't mix. A line torn by a crash is closed first.
        os.write(descriptor, (b"\n" if _torn(descriptor) else b"") + text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _torn(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"


def revoked_kids(folder: Path) -> set[str]:
    """Read the kids of the file; a torn last line is left out. Raises OSError, but not for a missing file."""
    try:
        text = (folder / FILE_NAME).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return set()
    kids = set()
    for line in text.splitlines():
        try:
            kids.add(str(json.loads(line)["security"]["id"]))
        except (ValueError, KeyError, TypeError):
            continue
    return kids


def erased_keys(folder: Path) -> set[str]:
    """Read the ids of the data keys that were destroyed; a torn last line is left out. Raises OSError, as above."""
    try:
        text = (folder / FILE_NAME).read_text("utf-8", errors="replace")
    except FileNotFoundError:
        return set()
    return set(erased_in(text))


def erased_in(text: str) -> Iterator[str]:
    """Name the data keys whose destruction stands in the lines."""
    for line in text.splitlines():
        try:
            yield str(json.loads(line)["erased"]["data_key"])
        except (ValueError, KeyError, TypeError):
            continue


def catch_up(folder: Path) -> int:
    """Append what the database knows as revoked and the file does not. Returns how many."""
    known = revoked_kids(folder)
    rows = SecurityRow.objects.filter(operation=REVOKE).order_by("sequence")
    missing = [row.line for row in rows.iterator() if row.identifier not in known]
    append(folder, missing)
    return len(missing)
