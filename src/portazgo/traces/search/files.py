"""Brings files of the lake to this machine: a folder's are there already, a bucket's are kept in a cache of bounded size."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from django.db import connections

from portazgo.kit.errors import Unavailable
from portazgo.kit.objects import ObjectMissing, ObjectsFailed
from portazgo.kit.objects.names import checked
from portazgo.kit.objects.uri import Folder
from portazgo.lake.models import LakeFile
from portazgo.settings import current
from portazgo.traces.search.process import FileMissing, busy
from portazgo.usage.models import LEDGER
from portazgo.usage.objects import object_store

if TYPE_CHECKING:
    from portazgo.kit.objects import ObjectStore

CACHE = "cache/lake"
"""In the data folder. Whoever deletes it loses nothing."""
CACHE_BYTES = 2 * 1024**3
FETCHING_SECONDS = 15.0
"""So long a request waits for what others fetch."""
FORGET_SECONDS = 3_600.0
PRIVATE_FOLDER = 0o700

logger = logging.getLogger(__name__)


@contextmanager
def at_hand(names: Sequence[str]) -> Iterator[list[str]]:
    """Give the paths of these files, which stay there meanwhile. Raises FileMissing, Unavailable (`objects_unavailable`)."""
    place = current().objects_url
    if isinstance(place, Folder):
        yield [str(place.path / checked(name)) for name in names]
        return
    with _cache().holding(names) as paths:
        yield paths


def forget_copies() -> int:
    """Remove copies of files that were deleted from the lake: what was kept long enough is in no copy either.

    Returns how many. Raises Unavailable (`objects_unavailable`), and what the database raises.
    """
    settings = current()
    if isinstance(settings.objects_url, Folder) or not (settings.data_dir / CACHE).exists():
        return 0
    there = LakeFile.objects.using(LEDGER).filter(deleted_at__isnull=True)
    return _cache().keep_only(lambda: there.values_list("path", flat=True))


class Forgetting:
    """Calls `forget_copies` at once and then every hour, in a thread of its own of the process that makes copies."""

    def __init__(self) -> None:
        self._closed = threading.Event()

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._run, name="forget-copies", daemon=True).start()

    def close(self) -> None:
        """Let it end."""
        self._closed.set()

    def _run(self) -> None:
        while not self._closed.is_set():
            try:
                forget_copies()
            except Exception:
                logger.exception("copies of the lake's files could not be removed")
            finally:
                connections.close_all()
            self._closed.wait(FORGET_SECONDS)


class FileCache:
    """Copies of objects that never change, the least recently used go first."""

    def __init__(self, folder: Path, store: ObjectStore, *, most_bytes: int = CACHE_BYTES) -> None:
        self._folder = folder
        self._store = store
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._fetching = threading.Lock()
        self._held: Counter[Path] = Counter()

    @contextmanager
    def holding(self, names: Sequence[str]) -> Iterator[list[str]]:
        """Bring these files, and keep them until the end. Raises FileMissing, Unavailable."""
        wanted = {name: self._path(name) for name in names}
        with self._lock:
            self._held.update(wanted.values())
        try:
            for name, path in wanted.items():
                self._bring(name, path)
            yield [str(wanted[name]) for name in names]
        finally:
            with self._lock:
                self._held.subtract(wanted.values())

    def keep_only(self, names: Callable[[], Iterable[str]]) -> int:
        """Remove the copies of all other files, but those that are being read. Returns how many."""
        # Listed before the names: a file that comes meanwhile is not among them.
        copies = list(self._folder.glob("*.parquet"))
        kept = {self._path(name) for name in names()} if copies else set()
        removed = 0
        for path in copies:
            with self._lock:
                if path not in kept and self._held[path] <= 0:
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _path(self, name: str) -> Path:
        return self._folder / f"{hashlib.sha256(name.encode()).hexdigest()}.parquet"

    def _bring(self, name: str, path: Path) -> None:
        if _touched(path):
            return
        if not self._fetching.acquire(timeout=FETCHING_SECONDS):
            raise busy()
        try:
            if not _touched(path):
                self._fetch(name, path)
        finally:
            self._fetching.release()

    def _fetch(self, name: str, path: Path) -> None:
        self._folder.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        try:
            self._make_room(self._store.size(name) or 0)
            self._store.get_file(name, path)
        except ObjectMissing:
            raise FileMissing(name) from None
        except ObjectsFailed as problem:
            raise Unavailable(problem.sentence, code="objects_unavailable", remedy=problem.remedy) from None

    def _make_room(self, size: int) -> None:
        files = sorted(
            ((path.stat(), path) for path in self._folder.glob("*.parquet")), key=lambda one: one[0].st_mtime
        )
        whole = size + sum(stat.st_size for stat, _ in files)
        for stat, path in files:
            if whole <= self._most_bytes:
                return
            with self._lock:
                if self._held[path] > 0:
                    continue
                path.unlink(missing_ok=True)
            whole -= stat.st_size


def _touched(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    return True


_caches: dict[Path, FileCache] = {}
_opening = threading.Lock()


def _cache() -> FileCache:
    settings = current()
    folder = settings.data_dir / CACHE
    with _opening:
        if folder not in _caches:
            try:
                store = object_store()
            except ObjectsFailed as problem:
                raise Unavailable(problem.sentence, code="objects_unavailable", remedy=problem.remedy) from None
            _caches[folder] = FileCache(folder, store)
        return _caches[folder]
