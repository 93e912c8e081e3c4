"""A disk of a test's own, that can be full, or read-only: a file system in memory, mounted where the test wants it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from support.bare_gateway import wait_for

FILLER = "filler"
PIECE = b"x" * 65_536


class SmallDisk:
    """Mounted while the `with` lasts. Needs root, as a test machine gives it."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder = folder
        self._megabytes = megabytes

    def __enter__(self) -> Self:
        """Mount it."""
        if os.geteuid() != 0:
            raise RuntimeError("a disk can be mounted by root only: run the tests as root, in a container if you like")
        self.folder.mkdir(parents=True, exist_ok=True)
        _run("mount", "-t", "tmpfs", "-o", f"size={self._megabytes}m,mode=0700", "portazgo-test", str(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        """Unmount it; whoever still has a file open keeps it."""
        _run("umount", "--lazy", str(self.folder))

    @contextmanager
    def full(self) -> Iterator[None]:
        """Not one byte more can be written meanwhile."""
        filler = self.folder / FILLER
        with filler.open("wb", buffering=0) as file:
            try:
                while file.write(PIECE):
                    pass
            except OSError:
                pass
        try:
            yield
        finally:
            filler.unlink()

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """Nothing can be written meanwhile. Waits until no file is open for writing, which the kernel wants."""
        wait_for(lambda: self._remounted("ro"), "a moment without an open file")
        try:
            yield
        finally:
            assert self._remounted("rw")

    def _remounted(self, how: str) -> bool:
        command = ["mount", "-o", f"remount,{how}", str(self.folder)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
