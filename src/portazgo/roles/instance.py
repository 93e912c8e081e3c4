"""One instance per data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from portazgo.kit.errors import StartRefused


class InstanceRunning(StartRefused):
    """Another Portazgo runs on this data folder."""

    def __init__(self, folder: Path, pid: str) -> None:
        super().__init__(
            f"another Portazgo (process {pid or 'unknown'}) runs on {folder}",
            "stop it, or choose another folder with PORTAZGO_DATA_DIR",
        )


class FolderNotWritable(StartRefused):
    """The data folder can't be made or written."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(
            f"the data folder {folder} can't be written ({why})",
            "give this user the right to write there, or choose another folder with PORTAZGO_DATA_DIR",
        )


class InstanceLock:
    """Held for the life of `portazgo up`; the kernel gives it up when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Take the lock. Raises InstanceRunning, FolderNotWritable."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._folder / "instance.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise FolderNotWritable(self._folder, problem.strerror or str(problem)) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode(errors="replace").strip()
            os.close(self._file)
            raise InstanceRunning(self._folder, holder) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the lock up."""
        if self._file is not None:
            os.close(self._file)
