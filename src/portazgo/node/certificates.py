"""Watches the files of the listener's certificates, and has them read again when they change or on SIGHUP."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

    from portazgo.node.native import Node

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0

Mark = tuple[int, int, int]
"""Modification time, size and inode."""


class CertificateWatcher:
    """Connections keep what they began with; new ones get the new certificates. A bad new file changes nothing."""

    def __init__(self, node: Node, files: Sequence[Path]) -> None:
        self._node = node
        self._files = tuple(files)

    def run(self, stopping: threading.Event) -> None:
        """Look until told to stop."""
        served = seen = self._marks()
        while not stopping.wait(LOOK_SECONDS):
            before, seen = seen, self._marks()
            # A chain and its key are two files: wait until nothing has changed for one look.
            if seen not in (served, before):
                continue
            if seen != served:
                served = seen
                self.reload()

    def reload(self) -> bool:
        """Read the files again. Returns whether they are served now; otherwise the old ones still are, and the log says why."""
        try:
            self._node.reload_certificates()
        except ValueError as problem:
            logger.error("the certificates on disk can't be used, the old ones stay", extra={"why": str(problem)})  # noqa: TRY400 - the sentence says it all
            return False
        logger.info("certificates reloaded", extra={"files": [str(path) for path in self._files]})
        return True

    def _marks(self) -> tuple[Mark | None, ...]:
        """Tell by these whether a file is another one; None: it isn't there."""
        return tuple(_mark(path) for path in self._files)


def _mark(path: Path) -> Mark | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
