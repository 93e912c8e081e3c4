"""One instance per data folder, and where its parts are found."""

from __future__ import annotations

import fcntl
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from portazgo.kit.errors import StartRefused

FILE_NAME = "instance.lock"
PATIENCE_SECONDS = 0.5
"""How long a lock may be held by somebody who only looks (`running_instance`)."""


class InstanceRunning(StartRefused):
    """Another Portazgo runs on this data folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
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


@dataclass(frozen=True, slots=True)
class RunningInstance:
    """A `portazgo up` that holds the lock; the addresses that it chose are "" until it has chosen them."""

    pid: int | None
    internal_url: str = ""
    admin_url: str = ""
    control_url: str = ""


class InstanceLock:
    """Held for the life of `portazgo up`; the kernel gives it up when the process ends, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Take the lock. Raises InstanceRunning, FolderNotWritable."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._folder / FILE_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise FolderNotWritable(self._folder, problem.strerror or str(problem)) from None
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not _locked(self._file, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                holder = _read(self._file)
                os.close(self._file)
                raise InstanceRunning(self._folder, holder.pid)
            time.sleep(0.05)
        self.announce()
        return self

    def announce(self, *, internal_url: str = "", admin_url: str = "", control_url: str = "") -> None:
        """Say in the file who runs here, and where its parts are found."""
        if self._file is None:
            raise RuntimeError("the lock is not held")
        urls = {"internal_url": internal_url, "admin_url": admin_url, "control_url": control_url}
        document = {"pid": os.getpid(), **urls}
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, json.dumps(document).encode(), 0)

    def __exit__(self, *_: object) -> None:
        """Give the lock up."""
        if self._file is not None:
            os.close(self._file)


def running_instance(folder: Path) -> RunningInstance | None:
    """Tell which `portazgo up` runs on a data folder; None: none, or the folder can't be looked into."""
    try:
        file = os.open(folder / FILE_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return None if _locked(file, fcntl.LOCK_SH) else _read(file)
    finally:
        os.close(file)


def _locked(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: int) -> RunningInstance:
    try:
        document = json.loads(os.pread(file, 4096, 0))
        urls = (str(document.get(name, "")) for name in ("internal_url", "admin_url", "control_url"))
        return RunningInstance(int(document["pid"]), *urls)
    except (ValueError, KeyError, TypeError, AttributeError):
        # It has just been taken, and is being written.
        return RunningInstance(None)
