"""Objects in a folder: each is a file, complete from the moment in which it has its name."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from filecmp import cmp
from pathlib import Path
from typing import TYPE_CHECKING

from portazgo.kit.files import sync_folder
from portazgo.kit.objects import ObjectDiffers, ObjectMissing, ObjectsDenied, ObjectsFailed, ObjectsFull
from portazgo.kit.objects.names import checked, checked_prefix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import IO

PRIVATE_FOLDER = 0o700
PARTIAL = ".partial"
"""Where files are written that have no name yet; no object's name begins with a dot."""
ABANDONED_AFTER_SECONDS = 86_400.0
"""What a process that died left half written is removed after so long."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class LocalStore:
    """A folder. Several processes may use it at once, on several machines where the file system has hard links."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._swept = False

    def put(self, name: str, content: bytes) -> bool:
        """Write an object; False: it was there already, the same."""
        return self._put(name, lambda file: file.write(content))

    def put_file(self, name: str, path: Path) -> bool:
        """Write an object from a file."""
        with path.open("rb") as source:
            return self._put(name, lambda file: shutil.copyfileobj(source, file))

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """Read an object, or a part of it."""
        with self._told(name), self._path(name).open("rb") as file:
            file.seek(start)
            return file.read() if length is None else file.read(length)

    def get_file(self, name: str, path: Path) -> None:
        """Read an object into a file."""
        with self._told(name):
            source = self._path(name).open("rb")
        with source, temporary_beside(path) as temporary:
            with temporary.open("wb") as file:
                shutil.copyfileobj(source, file)
            temporary.replace(path)

    def size(self, name: str) -> int | None:
        """Tell how many bytes an object has."""
        try:
            with self._told(name):
                return self._path(name).stat().st_size
        except ObjectMissing:
            return None

    def delete(self, name: str) -> None:
        """Remove an object."""
        path = self._path(name)
        with suppress(ObjectMissing), self._told(name):
            path.unlink()
            sync_folder(path.parent)

    def names(self, prefix: str, *, after: str = "") -> Iterator[str]:
        """List names."""
        folder = self._root / checked_prefix(prefix).rpartition("/")[0]
        with self._told(prefix):
            found = [str(path.relative_to(self._root)) for path in _files(folder)]
        yield from sorted(name for name in found if name.startswith(prefix) and name > after)

    def _path(self, name: str) -> Path:
        return self._root / checked(name)

    def _put(self, name: str, write: Callable[[IO[bytes]], object]) -> bool:
        path = self._path(name)
        with self._told(name):
            partial = self._partial()
            descriptor, temporary = tempfile.mkstemp(dir=partial)  # 0600 from its first moment
            try:
                with os.fdopen(descriptor, "wb") as file:
                    write(file)
                    file.flush()
                    os.fsync(file.fileno())
                return self._name(Path(temporary), path, name)
            finally:
                Path(temporary).unlink(missing_ok=True)

    def _name(self, temporary: Path, path: Path, name: str) -> bool:
        _make_durable(path.parent)
        try:
            os.link(temporary, path)  # unlike a rename, it never replaces what another wrote meanwhile
        except FileExistsError:
            if not cmp(temporary, path, shallow=False):
                raise ObjectDiffers(
                    f"the object {name} is there already, with other content", "look who else writes to this folder"
                ) from None
            sync_folder(path.parent)  # whoever wrote it may have died before this
            return False
        sync_folder(path.parent)
        return True

    def _partial(self) -> Path:
        partial = self._root / PARTIAL
        _make_durable(partial)
        if not self._swept:
            self._swept = True
            for path in partial.iterdir():
                with suppress(FileNotFoundError):
                    if time.time() - path.stat().st_mtime > ABANDONED_AFTER_SECONDS:
                        path.unlink()
        return partial

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as problem:
            raise self._failed(problem, name) from None

    def _failed(self, problem: OSError, name: str) -> ObjectsFailed:
        if problem.errno in {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}:
            return ObjectMissing(f"there is no object {name} in {self._root}", "see that the whole folder is mounted")
        if problem.errno in _FULL:
            return ObjectsFull(f"there is no room in {self._root} ({problem.strerror})", "make room there")
        if problem.errno in _DENIED:
            return ObjectsDenied(
                f"{self._root} can't be used by this user ({problem.strerror})",
                "give this user the right to read and write there, or name another folder in PORTAZGO_OBJECTS_URL",
            )
        return ObjectsFailed(f"{self._root} fails ({problem.strerror})", "look at the disk and at the kernel's log")


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """Give an empty private file beside `path`, which is gone afterwards unless it was renamed. Raises OSError."""
    descriptor, text = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(descriptor)
    try:
        yield Path(text)
    finally:
        Path(text).unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder, onerror=_unless_missing):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(path) / name for name in files if not name.startswith("."))


def _unless_missing(problem: OSError) -> None:
    if problem.errno != errno.ENOENT:
        raise problem


def _make_durable(folder: Path) -> None:
    """Make a folder with all above it, each durable in the one above."""
    if folder.is_dir():
        return
    _make_durable(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(mode=PRIVATE_FOLDER)
    sync_folder(folder.parent)
