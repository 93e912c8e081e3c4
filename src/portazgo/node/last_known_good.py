"""What a node knew last, on its disk: it starts and serves without the control plane.

`snapshot.ndjson` is a whole snapshot, `changes.ndjson` the pages of changes since, each as it came; a page that a crash
tore is left out. `revoked.log` only grows: no snapshot brings a dead key back. `lane.ndjson` holds what the security lane
said with revisions that this node refused, until it takes one.

A folder that can't be written ends nothing: what a node is told counts in its memory first. Nothing here raises for a
failed write. What could not be written is owed: it is tried again, and `trouble` says so until then.
"""

from __future__ import annotations

import logging
import os
import time
from functools import partial
from typing import TYPE_CHECKING

from portazgo.kit.files import sync_folder
from portazgo.node.lane import is_kid
from portazgo.node.native import SnapshotRefused, Update
from portazgo.node.testimony import told_by

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from io import FileIO
    from pathlib import Path

logger = logging.getLogger(__name__)

CHUNK_BYTES = 1 << 20
MODE = 0o600
LARGEST_CHANGES_BYTES = 16 << 20
ERASED = b'"kind":"data_key"}'
"""Stands in a page where a data key goes: what it was still lies in the files, until a whole snapshot takes their place."""
AGAIN_SECONDS = 60.0
"""How long after a failed write a whole snapshot is asked for, to close the gap in what is kept."""


class LastKnownGood:
    """The files in a node's folder."""

    def __init__(self, folder: Path, *, shared: bool = False) -> None:
        """`shared`: another process still writes here; nothing is written until `take_over`."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._shared = shared
        self._read: tuple[tuple[int, int] | None, int] = (None, 0)
        self._snapshot = folder / "snapshot.ndjson"
        self._changes = folder / "changes.ndjson"
        self._revoked = folder / "revoked.log"
        self._lane = folder / "lane.ndjson"
        self._dead: set[str] | None = None
        self._owed_dead: dict[str, None] = {}
        self._owed_lane = b""
        self._whole = False
        self._again_at: float | None = None
        self._holds_erased = False
        self._troubles: dict[str, str] = {}

    @property
    def trouble(self) -> str | None:
        """What can't be written, and why; None when all is kept."""
        return "; ".join(self._troubles.values()) or None

    def load(self, apply: Callable[[Update], None]) -> bool:
        """Apply what is kept, snapshot first. Returns whether there was one; what is damaged is left out and said."""
        if not self._snapshot.exists():
            return False
        good = 0
        mark = _mark(self._snapshot)
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
            if self._shared:
                return False  # It was being replaced: whoever takes over reads it again.
            logger.error("the last known good snapshot is damaged: %s", problem)  # noqa: TRY400 - the place says it all
            self._cut_changes(good)
            return False
        self._read = (mark, good)
        self._cut_changes(good)
        return True

    def take_over(self, apply: Callable[[Update], None]) -> bool:
        """Apply what the process that wrote here has added since `load`; from now on it is ours to write.

        Returns whether there is something to serve. Raises SnapshotRefused for a page that does not fit.
        """
        self._shared, self._dead = False, None
        mark, good = self._read
        if mark is None or mark != _mark(self._snapshot):
            return self.load(apply)
        for page, end in self._pages(good):
            apply(page)
            good = end
        self._cut_changes(good)
        return True

    def replace(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass a snapshot's chunks on while they are written beside the one in force; `keep` puts it in force."""
        self._whole = False
        try:
            file = self._open_partial()
        except OSError as problem:
            self._failed(self._snapshot, problem)
            yield from chunks
            return
        with file:
            written = True
            for chunk in chunks:
                written = written and self._attempt(self._snapshot, partial(_write_whole, file, chunk))
                yield chunk
            self._whole = written and self._attempt(self._snapshot, partial(os.fsync, file.fileno()))

    def keep(self) -> None:
        """Put the snapshot in force that was written last and has been applied; older changes are history."""
        if self._whole and self._attempt(self._snapshot, self._put_in_force):
            self._again_at = None
            self._holds_erased = False
            self._owed_lane = b""
            for file in (self._changes, self._lane):
                self._troubles.pop(file.name, None)
        else:
            self._again_at = time.monotonic() + AGAIN_SECONDS

    def append(self, page: bytes, lane: bytes = b"") -> None:
        """Keep a page of changes that has been applied; it says itself what the lane said before.

        A page that erases a data key asks for a whole snapshot.

        After a gap no page can be kept until there is a whole snapshot again: then at least its `lane` is.
        """
        self._holds_erased |= ERASED in page
        if self._again_at is None:
            if self._attempt(self._changes, partial(_append, self._changes, page)):
                self._owed_lane = b""
                self._attempt(self._lane, partial(self._lane.unlink, missing_ok=True))
                return
            self._again_at = time.monotonic() + AGAIN_SECONDS
        self.append_lane(lane)

    def append_lane(self, lines: bytes) -> None:
        """Keep what the security lane said while the rest of its page was refused."""
        self._owed_lane += lines
        if self._owed_lane and self._attempt(self._lane, partial(_append, self._lane, self._owed_lane)):
            self._owed_lane = b""

    def catch_up(self) -> None:
        """Try again to write what is owed."""
        if self._owed_dead:
            self.revoke(())
        if self._owed_lane:
            self.append_lane(b"")

    def lane(self) -> bytes:
        """Give what `append_lane` kept."""
        return self._lane.read_bytes() if self._lane.exists() else b""

    @property
    def holds_erased(self) -> bool:
        """Whether a data key that was erased still lies in the files."""
        return self._holds_erased

    @property
    def wants_snapshot(self) -> bool:
        """Whether a whole snapshot is the shorter way to start than the changes kept, or the way to close a gap in them."""
        if self._again_at is not None:
            return time.monotonic() >= self._again_at
        if self._holds_erased:
            return True
        try:
            return self._changes.stat().st_size > LARGEST_CHANGES_BYTES
        except OSError:
            # None yet; or a folder that can't even be looked into, which must not keep the node from polling.
            return False

    def tells(self, label: str, question: str) -> Iterator[bytes]:
        """Give the lines of what this node knows, written or owed. Raises OSError."""
        return told_by(self._folder, question, label=label, dead=self._owed_dead, lane=self._owed_lane)

    def revoked(self) -> list[str]:
        """The kids that are dead for ever."""
        return sorted(self._known_dead())

    def revoke(self, kids: Iterable[str]) -> None:
        """Add kids that aren't there yet; durable on return, or owed."""
        dead = self._known_dead()
        self._owed_dead.update((kid, None) for kid in kids if kid not in dead)
        text = "".join(f"{kid}\n" for kid in self._owed_dead).encode()
        if text and self._attempt(self._revoked, partial(_append, self._revoked, text)):
            dead.update(self._owed_dead)
            self._owed_dead.clear()

    def _known_dead(self) -> set[str]:
        if self._dead is None:
            text = self._revoked.read_text("ascii", errors="replace") if self._revoked.exists() else ""
            # A line that a crash tore is no kid; its revocation comes again with the feed.
            self._dead = {line for line in text.split("\n") if is_kid(line)}
        return self._dead

    def _attempt(self, file: Path, write: Callable[[], object]) -> bool:
        """Write something. Returns whether that went well; what did not is said once."""
        try:
            write()
        except OSError as problem:
            self._failed(file, problem)
            return False
        if self._troubles.pop(file.name, None) is not None:
            logger.info("%s can be written again", file.name)
        return True

    def _failed(self, file: Path, problem: OSError) -> None:
        why = f"{file.name} can't be written ({problem.strerror or problem})"
        if self._troubles.get(file.name) != why:
            logger.error("what this node knows can't be kept for its next start; it serves on: %s", why)
        self._troubles[file.name] = why

    def _open_partial(self) -> FileIO:
        descriptor = os.open(self._partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, MODE)
        return os.fdopen(descriptor, "wb", buffering=0)

    def _put_in_force(self) -> None:
        self._partial.replace(self._snapshot)
        self._changes.unlink(missing_ok=True)
        self._lane.unlink(missing_ok=True)
        sync_folder(self._folder)

    @property
    def _partial(self) -> Path:
        return self._folder / "snapshot.partial"

    def _pages(self, end: int = 0) -> Iterator[tuple[Update, int]]:
        """Give each whole page from there on, and where it ends in the file."""
        if not self._changes.exists():
            return
        page = Update.changes()
        with self._changes.open("rb") as file:
            file.seek(end)
            for line in file:
                page.push(line)
                self._holds_erased |= ERASED in line
                end += len(line)
                if line.startswith(b'{"end"'):
                    page.finish()
                    yield page, end
                    page = Update.changes()

    def _cut_changes(self, good: int) -> None:
        # What a crash tore would swallow the pages that are appended after it.
        if not self._shared and self._changes.exists() and self._changes.stat().st_size > good:
            os.truncate(self._changes, good)


def _mark(path: Path) -> tuple[int, int] | None:
    """Tell by these whether a file is another one."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


def _append(path: Path, content: bytes) -> None:
    """Add to a file of lines, whole or not at all; durable on return. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
    with os.fdopen(descriptor, "r+b", buffering=0) as file:
        size = os.fstat(descriptor).st_size
        # A line that a crash tore is ended first: it must not swallow the next one.
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        try:
            _write_whole(file, b"\n" + content if torn else content)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise


def _write_whole(file: FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
