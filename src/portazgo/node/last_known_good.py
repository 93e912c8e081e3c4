"""What a node knew last, on its disk: it starts and serves without the control plane.

`snapshot.ndjson` is a whole snapshot, `changes.ndjson` the pages of changes since, each as it came; a page that a crash
tore is left out. `revoked.log` only grows: no snapshot brings a dead key back. `lane.ndjson` holds what the security lane
said with revisions that this node refused, until it takes one.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from portazgo.kit.files import sync_folder
from portazgo.node.lane import is_kid
from portazgo.node.native import SnapshotRefused, Update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
MODE = 0o600
LARGEST_CHANGES_BYTES = 16 << 20


class LastKnownGood:
    """The files in a node's folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._snapshot = folder / "snapshot.ndjson"
        self._changes = folder / "changes.ndjson"
        self._revoked = folder / "revoked.log"
        self._lane = folder / "lane.ndjson"
        self._dead: set[str] | None = None

    def load(self, apply: Callable[[Update], None]) -> bool:
        """Apply what is kept, snapshot first. Returns whether there was one; what is damaged is left out and said."""
        if not self._snapshot.exists():
            return False
        good = 0
        try:
            update = Update.snapshot()
            for chunk in _chunks(self._snapshot):
                update.push(chunk)
            update.finish()
            apply(update)
            for page, end in self._pages():
                apply(page)
                good = end
        except SnapshotRefused as problem:
            logger.error("the last known good snapshot is damaged: %s", problem)  # noqa: TRY400 - the place says it all
            self._cut_changes(good)
            return False
        self._cut_changes(good)
        return True

    def replace(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass a snapshot's chunks on while they are written beside the one in force; `keep` puts it in force."""
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)
                yield chunk
            file.flush()
            os.fsync(file.fileno())

    def keep(self) -> None:
        """Put the snapshot in force that was written last and has been applied; older changes are history."""
        self._partial.replace(self._snapshot)
        self._changes.unlink(missing_ok=True)
        self._lane.unlink(missing_ok=True)
        sync_folder(self._folder)

    def append(self, page: bytes) -> None:
        """Keep a page of changes that has been applied; it says itself what the lane said before."""
        _append(self._changes, page)
        self._lane.unlink(missing_ok=True)

    def append_lane(self, lines: bytes) -> None:
        """Keep what the security lane said while the rest of its page was refused."""
        if lines:
            _append(self._lane, lines)

    def lane(self) -> bytes:
        """Give what `append_lane` kept."""
        return self._lane.read_bytes() if self._lane.exists() else b""

    @property
    def wants_snapshot(self) -> bool:
        """Whether so many changes have come that a whole snapshot is the shorter way to start."""
        return self._changes.exists() and self._changes.stat().st_size > LARGEST_CHANGES_BYTES

    def revoked(self) -> list[str]:
        """The kids that are dead for ever."""
        return sorted(self._known_dead())

    def revoke(self, kids: Iterable[str]) -> None:
        """Add kids that aren't there yet; durable on return."""
        dead = self._known_dead()
        new = [kid for kid in dict.fromkeys(kids) if kid not in dead]
        if new:
            _append(self._revoked, "".join(f"{kid}\n" for kid in new).encode())
            dead.update(new)

    def _known_dead(self) -> set[str]:
        if self._dead is None:
            text = self._revoked.read_text("ascii", errors="replace") if self._revoked.exists() else ""
            # A line that a crash tore is no kid; its revocation comes again with the feed.
            self._dead = {line for line in text.split("\n") if is_kid(line)}
        return self._dead

    @property
    def _partial(self) -> Path:
        return self._folder / "snapshot.partial"

    def _pages(self) -> Iterator[tuple[Update, int]]:
        """Give each whole page, and where it ends in the file."""
        if not self._changes.exists():
            return
        page = Update.changes()
        end = 0
        with self._changes.open("rb") as file:
            for line in file:
                page.push(line)
                end += len(line)
                if line.startswith(b'{"end"'):
                    page.finish()
                    yield page, end
                    page = Update.changes()

    def _cut_changes(self, good: int) -> None:
        # What a crash tore would swallow the pages that are appended after it.
        if self._changes.exists() and self._changes.stat().st_size > good:
            os.truncate(self._changes, good)


def _append(path: Path, content: bytes) -> None:
    """Add to a file of lines, whole or not at all; durable on return. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        # A line that a crash tore is ended first: it must not swallow the next one.
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        left = memoryview(b"\n" + content if torn else content)
        try:
            while left:
                left = left[file.write(left) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
